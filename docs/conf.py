"""How Sphinx makes the site: `make site`.

The sources are the pages of this folder, and the notebooks where they lie, with the outputs that
were committed.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

from docutils import nodes

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
suppress_warnings = [
    "mystnb.unknown_mime_type",  # figures kept as data beside what is shown
    "ref.python",  # a word of a type, such as "labels", that several classes have as a name
]
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

html_theme = "furo"
html_copy_source = False
html_show_copyright = False


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


def unpack(app, name, source):
    """Put pictures that are attached to a cell into its text."""
    if Path(app.env.doc2path(name)).suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        pictures = cell.get("attachments", {})

        def put(found, pictures=pictures):
            (kind, content), *_ = pictures[found[1]].items()
            return f"(data:{kind};base64,{content})"

        if pictures:
            text = re.sub(r"\(attachment:([^)]+)\)", put, "".join(cell["source"]))
            cell["source"] = text
    source[0] = json.dumps(notebook)


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
    app.connect("build-finished", lead_in)
