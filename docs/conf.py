"""How Sphinx makes the site: `make site`.

The sources are the pages of this folder, and the notebooks where they lie, with the outputs that
were committed.
"""

import base64
import hashlib
import json
import re
from pathlib import Path
from urllib.parse import unquote

from docutils import nodes
from numpy.typing import ArrayLike
from sphinx.util import inspect
from sphinx.util.typing import stringify_annotation

import tlhelpers

ROOT = Path(__file__).parents[1]

project = "Transfer learning, measured"
html_title = project
version = tlhelpers.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["docs/*", "notebooks/*.ipynb", "notebooks/homework/README.md"]
include_patterns += ["data/*.md", "data/spoken_digits/*.md", "CONTRIBUTING.md", "CHANGELOG.md"]
exclude_patterns = [".*", "docs/_build", "tests", "tlhelpers", "tools", "notebooks/homework/*/"]

nb_execution_mode = "off"
suppress_warnings = ["mystnb.unknown_mime_type"]  # figures kept as data beside what is shown
myst_heading_anchors = 3
default_role = "code"
napoleon_google_docstring = False
napoleon_use_param = False  # so that "train, validation, test : Split" stays one line
napoleon_custom_sections = [("Attributes", "params_style"), ("Call arguments", "params_style")]
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
maximum_signature_line_length = 80

html_theme = "furo"
html_copy_source = False
html_use_index = html_domain_indices = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("scrolling.js", {"defer": "defer"})]
templates_path = ["_templates"]
# Keras' colours of a summary: too light on white, and right on black
html_theme_options = {
    "light_css_variables": {"blue": "#0064c2", "cyan": "#00707f", "green": "#007a00"},
    "dark_css_variables": {"blue": "#0087ff", "cyan": "#00d7ff", "green": "#00af00"},
}


def alternative_texts(notebook):
    """What the pictures of a notebook show, by the names that their files get."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            text = output.get("metadata", {}).get("image/png", {}).get("alt")
            if text:
                content = base64.b64decode(output["data"]["image/png"])
                yield hashlib.sha256(content).hexdigest(), text


def describe(app, doctree):
    """Give pictures of outputs the alternative texts that stand beside them in the notebook."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix == ".ipynb":
        texts = dict(alternative_texts(json.loads(path.read_text(encoding="utf-8"))))
        for image in doctree.findall(nodes.image):
            name = Path(image["uri"]).stem
            if name in texts:
                image["alt"] = texts[name]


def nothing_from_elsewhere(app, doctree):
    """Put its text in place of a picture on another machine, such as a badge."""
    for image in list(doctree.findall(nodes.image)):
        if image["uri"].startswith(("http:", "https:")):
            image.replace_self(nodes.Text(image["alt"]))


def unpack(app, name, source):
    """Put pictures that are attached to a cell into its text; write places as they are here."""
    if Path(app.env.doc2path(name)).suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = PLACE.sub(lower, "".join(cell["source"]))
        pictures = cell.get("attachments", {})

        def put(found, pictures=pictures):
            (kind, content), *_ = pictures[found[1]].items()
            return f"(data:{kind};base64,{content})"

        if pictures:
            text = re.sub(r"\(attachment:([^)]+)\)", put, "".join(cell["source"]))
            cell["source"] = text
    source[0] = json.dumps(notebook)


#: A link to a heading as JupyterLab names it, [Final test](02_feature_extraction.ipynb#Final-test).
PLACE = re.compile(r"(\]\((?:\w+\.ipynb)?#)([^)]+)\)")


def lower(found):
    """The same link as MyST names headings."""
    return found[1] + re.sub(r"[^\w-]", "", unquote(found[2]).lower()) + ")"


def signature(app, what, name, thing, options, given, returned):
    """Write the arguments of a class as its `__init__` has them, and ArrayLike as it is called."""
    if what == "class" and given and given.startswith("(*args"):
        own = inspect.signature(thing.__init__, bound_method=True)
        own = own.replace(return_annotation=own.empty)
        given = inspect.stringify_signature(own, unqualified_typehints=True)
    return given and given.replace(stringify_annotation(ArrayLike, "smart"), "ArrayLike"), returned


def keep_colons(app, what, name, thing, options, lines):
    """Napoleon would take what stands before a colon in the text of a property for a type."""
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]


#: What Sphinx, Furo and pandas write, and what a screen reader can use.
MENDED = {
    'class="caption" role="heading">': 'class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="This page">',
    '<aside class="toc-drawer no-toc">': '<aside class="toc-drawer no-toc" aria-label="This page">',
    "<dl>": '<dl role="none">',  # the arguments of a signature, each in a line
    "<th></th>": "<td></td>",
    '<th class="head"><p></p></th>': '<td class="head"></td>',
}


def mend(app, failure):
    """Write the pages again, as `MENDED` says; a page that was mended before stays as it is."""
    pages = [] if failure or app.builder.format != "html" else Path(app.outdir).rglob("*.html")
    for path in pages:
        page = text = path.read_text(encoding="utf-8")
        for old, new in MENDED.items():
            page = page.replace(old, new)
        if page != text:
            path.write_text(page, encoding="utf-8")


def lead_in(app, failure):
    """The address of the site alone leads to its first page."""
    if not failure and app.builder.format == "html":
        page = '<meta http-equiv="refresh" content="0; url=docs/index.html">'
        page = f'<!doctype html><html lang="en"><title>{project}</title>{page}</html>\n'
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app):
    """Tell Sphinx of these steps."""
    app.connect("source-read", unpack)
    app.connect("doctree-read", describe)
    app.connect("doctree-read", nothing_from_elsewhere)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before Napoleon
    app.connect("build-finished", mend)
    app.connect("build-finished", lead_in)
