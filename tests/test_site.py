"""The site: it builds without a warning, its links lead somewhere, its pictures have texts."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from test_package import ROOT

import tlhelpers as tl


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


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Every page of the site, by its path."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    done = subprocess.run(
        [*command, "--conf-dir", "docs", ".", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.html")}
    assert "notebooks/14_your_own_data.html" in pages
    return {"folder": folder} | {name: Page(path) for name, path in pages.items()}


def test_every_public_name_stands_in_the_reference():
    """What `tl.` offers is documented, and nothing that it does not."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    names = re.findall(r"^\.\. auto(?:class|function|module):: tlhelpers\.([\w.]+)$", text, re.M)
    assert sorted(name.rpartition(".")[2] for name in names) == tl.__all__


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
