"""The site in a real browser: readable by everyone, searched, and held in one hand."""

import functools
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browser import PATIENCE, chromium, new_tab
from test_site import build

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is missing")

pytestmark = pytest.mark.slow

PAGES = (
    *("docs/index", "docs/fine_tuning", "notebooks/03_partial_fine_tuning"),
    *("docs/api", "search"),
)
COLOURS = {"runOnly": ["color-contrast"]}
OTHERS = {"rules": {"color-contrast": {"enabled": False}}}
ALIKE = "#reference > section:nth-of-type(n+4)"  # sections of a long page, coloured as the first
LOADED = """async () => {
    for (const image of document.images) image.loading = "eager";
    await Promise.allSettled([...document.images].map(image => image.decode()));
    return [...document.images].filter(image => !image.naturalWidth).map(image => image.src);
}"""
BEYOND = """() => [...document.querySelectorAll(".content *")].filter(one =>
    one.getBoundingClientRect().right > innerWidth + 1
    && !one.closest("pre, .table-wrapper, .cell_output > .output")
).map(one => one.outerHTML.slice(0, 100))"""
UNREACHED = """() => [...document.querySelectorAll("pre, .table-wrapper, .cell_output > .output")]
    .filter(box => (box.scrollWidth > box.clientWidth) !== (box.tabIndex === 0))
    .map(box => box.outerHTML.slice(0, 100))"""


class Quiet(SimpleHTTPRequestHandler):
    """A file server that says nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the site is served, on this machine."""
    folder = build(tmp_path_factory.mktemp("site") / "html")
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def tab(tmp_path_factory, address):
    """A page of the browser; `elsewhere` has what it asked of other machines."""
    with chromium(tmp_path_factory.mktemp("profile")) as context:
        yield new_tab(context, address)


def findings(tab, rules):
    """What axe-core finds fault with: rule, weight, and where it is first."""
    if not tab.evaluate("typeof axe === 'object'"):
        tab.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    options = {"resultTypes": ["violations"], **rules}
    part = {"exclude": ALIKE} if rules == COLOURS else {"include": "html"}
    found = tab.evaluate("([part, options]) => axe.run(part, options)", [part, options])
    return [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found["violations"]]


@pytest.mark.parametrize("name", PAGES)
def test_everyone_can_read_it(tab, address, name):
    """axe-core finds no fault, and in neither theme a text that hardly stands out."""
    tab.set_viewport_size({"width": 1200, "height": 900})
    tab.emulate_media(color_scheme="light")
    tab.goto(f"{address}/{name}.html")
    assert findings(tab, OTHERS) == []
    assert findings(tab, COLOURS) == []
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(ground)
    tab.emulate_media(color_scheme="dark")
    assert tab.evaluate(ground) != light
    assert findings(tab, COLOURS) == []


@pytest.mark.parametrize("name", PAGES)
def test_it_fits_a_phone(tab, address, name):
    """At 400 pixels no page scrolls sideways, every picture is there, and each box that does
    scroll can be reached with the tab key."""
    tab.set_viewport_size({"width": 400, "height": 800})
    tab.goto(f"{address}/{name}.html")
    assert tab.evaluate(LOADED) == []
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 400
    assert tab.evaluate(BEYOND) == []
    assert tab.evaluate(UNREACHED) == []


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("extract_features", "docs/api.html#tlhelpers.extract_features"),
        ("freeze", "docs/api.html#tlhelpers.freeze"),
        ("calibration", "docs/glossary.html#term-calibration"),
        ("crossing", "notebooks/06_when_to_fine_tune.html"),
    ],
)
def test_a_word_is_found(tab, address, word, place):
    """Typed into the field of the first page, it leads to the page that is about it."""
    tab.set_viewport_size({"width": 1200, "height": 900})
    tab.goto(f"{address}/")
    tab.wait_for_url("**/docs/index.html")
    tab.get_by_role("textbox", name="Search").fill(word)
    tab.keyboard.press("Enter")
    found = tab.locator(f"#search-results a[href^='{place}']").first
    found.wait_for(timeout=PATIENCE)
    found.click()
    tab.wait_for_url(f"{address}/{place.partition('#')[0]}**")
    sync_api.expect(tab.locator("h1")).to_have_count(1)


def test_nothing_is_asked_of_other_machines(tab):
    """Neither fonts nor badges nor statistics: it can be read without internet."""
    assert tab.elsewhere == []


def test_the_cheat_sheet_prints_on_one_page(tab, address):
    """On the paper of both continents."""
    tab.goto(f"{address}/docs/cheat_sheet.html")
    for paper in ("A4", "Letter"):
        assert len(re.findall(rb"/Type\s*/Page\b", tab.pdf(format=paper))) == 1
