"""The site: it builds without a warning, its links lead somewhere, its pictures have texts."""

import base64
import io
import json
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from inspect import getdoc
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image
from test_package import ROOT

import tlhelpers as tl
from tlhelpers.notebook import styles

WHITE, DARK = "#FFFFFF", "#131416"  # the grounds of the site, light and dark


class Page(HTMLParser):
    """What is looked at in a page: addresses, names of places, pictures, levels of headings."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places, self.texts, self.levels = [], set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        own = dict(attributes)
        self.places |= {own.get("id"), own.get("name")}
        self.links += [own[name] for name in ("href", "src") if own.get(name)]
        if tag == "img":
            self.texts.append(own.get("alt"))
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))


def build(folder):
    """Make the site in a folder; a warning is an error."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    done = subprocess.run(
        [*command, "--conf-dir", "docs", ".", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Every page of the site, by its path."""
    folder = build(tmp_path_factory.mktemp("site") / "html")
    pages = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.html")}
    assert "notebooks/14_your_own_data.html" in pages
    return {"folder": folder} | {name: Page(path) for name, path in pages.items()}


def test_every_public_name_stands_in_the_reference():
    """What `tl.` offers is documented, and nothing that it does not."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    names = re.findall(r"^\.\. auto(?:class|function|module):: tlhelpers\.([\w.]+)$", text, re.M)
    assert sorted(name.rpartition(".")[2] for name in names) == tl.__all__


FIELDS = ("Parameters", "Attributes", "Call arguments")


def documented(thing):
    """What a docstring says of parameters and attributes: pairs of names and type, in order."""
    lines, section = (getdoc(thing) or "").splitlines(), None
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below.strip() and set(below) == {"-"}:
            section = line
        elif section in FIELDS and line and not line.startswith((" ", "-")):
            name, _, kind = line.partition(" : ")
            yield name, kind


def words(text):
    """Letters and digits only: a reference has other quotes and marks than its source."""
    return re.sub(r"[\W_]+", " ", text).strip()


def members(name, thing):
    """A public thing and, of a class or module, what the reference should show of it."""
    if isinstance(thing, type):
        own = [
            part for base in thing.__mro__ if "tlhelpers" in base.__module__ for part in vars(base)
        ]
        yield f"tlhelpers.{name}", thing
        yield from ((f"tlhelpers.{name}.{part}", getattr(thing, part)) for part in own)
    elif hasattr(thing, "__file__"):
        whole = thing.__name__
        own = getattr(thing, "__all__", None) or vars(thing)
        yield from ((f"{whole}.{part}", getattr(thing, part)) for part in own)
    else:
        yield f"tlhelpers.{name}", thing


@pytest.mark.slow
def test_the_reference_shows_every_parameter_as_its_docstring_has_it(site):
    """Names that share a line stay together with their type; nothing else is taken for a type."""
    pages = BeautifulSoup(
        (site["folder"] / "docs/api.html").read_text(encoding="utf-8"), "html.parser"
    )
    shown = {
        place["id"]: place.parent.find("dd", recursive=False)
        for place in pages.select("dt.sig[id]")
    }
    looked_at, lost = 0, []
    for name in tl.__all__:
        for place, thing in members(name, getattr(tl, name)):
            code = callable(thing) or isinstance(thing, property)
            if place not in shown or not code or not getdoc(thing):
                continue
            text = shown[place]
            summary = words(re.split(r"\n\s*\n", getdoc(thing))[0])
            if not words(text.get_text()).startswith(summary):
                lost.append(place)
            got = [words(mark.parent.get_text()) for mark in text.select("dl.field-list strong")]
            for names, kind in documented(thing):
                looked_at += 1
                if not any(line.startswith(words(f"{names} {kind}")) for line in got):
                    lost.append((place, names))
    assert not lost
    assert looked_at > 200


@pytest.mark.slow
def test_the_reference_shows_what_a_class_inherits_within_the_package(site):
    """A method that stands in a base of ours can be found as well."""
    places = site["docs/api.html"].places
    for name in ("Task.few", "AudioTask.score", "TextSplit.take", "HubLayer.unfreeze"):
        assert f"tlhelpers.{name}" in places


def contrast(one, other):
    """How much lighter one colour is than the other, from 1 to 21, as WCAG has it."""
    shares = np.array(
        [[int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)] for text in (one, other)]
    )
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ (0.2126, 0.7152, 0.0722))
    return (high + 0.05) / (low + 0.05)


def test_lines_of_pictures_stand_out_from_their_paper():
    """The colours of all pictures have 3:1 at least, and what is written in them 4.5:1."""
    for colour in {*styles.COLOURS, *styles.METHOD_COLOURS.values(), styles.REMOVED}:
        assert contrast(colour, styles.PAPER) >= 3, colour
    assert contrast(styles.INK, styles.PAPER) >= 4.5


def test_pictures_of_notebooks_bring_their_paper_with_them():
    """None is transparent, so that a dark page changes nothing in it."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                if content := output.get("data", {}).get("image/png"):
                    image = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA")
                    assert image.getextrema()[3] == (255, 255), (path.name, cell["id"])


def test_texts_of_the_site_stand_out_in_both_themes():
    """The colours that are ours have 4.5:1 at least, on white and on the dark ground."""
    options = runpy.run_path(str(ROOT / "docs" / "conf.py"))["html_theme_options"]
    for ground, theme in ((WHITE, "light_css_variables"), (DARK, "dark_css_variables")):
        for name, colour in options[theme].items():
            assert contrast(colour, ground) >= 4.5, (theme, name)


def test_the_style_sheet_mends_every_colour_of_a_stored_output():
    """Keras colours the summary of a model; each colour has one for white and one for dark."""
    sheet = (ROOT / "docs" / "_static" / "site.css").read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        for colour in set(re.findall(r"<span style=\\?\"color: (#\w{6})", text)):
            assert f'"color: {colour}"' in sheet, (path.name, colour)


def test_the_glossary_leads_to_notebooks():
    """Each of its words has a sentence, and a notebook that measures it or shows it first."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r"^(\w.*)\n((?:  .*\n)+)", text, re.M)
    assert 35 <= len(entries) <= 50
    assert len({word for word, _ in entries}) == len(entries)
    for word, said in entries:
        (number, file) = re.search(r"\[Notebook\s+(\d\d)\]\(\.\./(.*)\)$", said.strip()).groups()
        assert file.startswith(f"notebooks/{number}_"), word
        assert (ROOT / file).exists(), word


def test_the_workflow_publishes_what_make_site_writes():
    """It runs the command of the Makefile and takes the folder that this fills."""
    text = (ROOT / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(text)["jobs"]["build"]["steps"]
    assert "make site" in [step.get("run") for step in steps]
    (folder,) = (step["with"]["path"] for step in steps if "upload" in step.get("uses", ""))
    rule = re.search(r"^site:.*\n(?:\t.*\n)+", (ROOT / "Makefile").read_text(), re.M)[0]
    assert rule.split()[-1] == folder


@pytest.mark.slow
def test_links_within_the_site_lead_somewhere(site):
    """Each address of a page, a picture and a place within a page exists."""
    folder, lost = site["folder"], []
    pages = {name: page for name, page in site.items() if name != "folder"}
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            own = folder / name
            target = (own.parent / unquote(parts.path)).resolve() if parts.path else own
            target = target / "index.html" if target.is_dir() else target
            known = target.relative_to(folder.resolve()).as_posix() if parts.path else name
            place = unquote(parts.fragment)
            if not target.exists() or (place and place not in pages[known].places):
                lost.append((name, link))
    assert not lost


@pytest.mark.slow
def test_pictures_have_alternative_texts(site):
    """A sentence, not the name of a file."""
    for name, page in site.items():
        if name != "folder":
            assert all(text and not text.endswith(".png") for text in page.texts), name


@pytest.mark.slow
def test_headings_skip_no_level(site):
    """A page begins with its one title, and goes one level deeper at a time."""
    for name, page in site.items():
        if name in ("folder", "index.html", "search.html"):  # a signpost, and what a script fills
            continue
        assert page.levels[0] == 1, name
        assert page.levels.count(1) == 1, name
        steps = zip(page.levels, page.levels[1:], strict=False)
        assert all(new <= old + 1 for old, new in steps), (name, page.levels)
