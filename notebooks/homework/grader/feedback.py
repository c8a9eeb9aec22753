"""Pages of feedback: nothing in them acts, errors are short, and no output repeats hidden tests.

PlainFeedback keeps texts and pictures of outputs; `as_text` shows what students wrote in Markdown.
Hidden tests are found in plain text and in the encodings of `decoded`, not in others or pictures.
"""

import base64
import bz2
import codecs
import contextlib
import lzma
import re
import textwrap
import urllib.parse
import zlib

import bleach
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

HIDDEN = re.compile(r"^### BEGIN HIDDEN TESTS\n(.*?)^### END HIDDEN TESTS\n?", re.M | re.S)
COLOURS = re.compile(r"\x1b\[[\d;]*m")
LEFT_OUT = "(left out: hidden tests)\n"
PICTURES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}
TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "hr"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "i", "li", "ol", "p", "pre", "span", "strong", "sub"),
    *("sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
# alphabets of encodings, and what undoes them
CODES = {
    "[0-9A-Fa-f]": (base64.b16decode, str.upper),
    "[A-Z2-7=]": (base64.b32decode, str),
    "[A-Za-z0-9+/=]": (base64.b64decode, str),
    "[A-Za-z0-9_=-]": (base64.urlsafe_b64decode, str),
    "[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]": (base64.b85decode, str),
    "[!-uz]": (base64.a85decode, lambda text: text.removeprefix("<~").removesuffix("~>")),
}
NOT_PACKED = OSError, EOFError, ValueError, zlib.error, lzma.LZMAError
MOST = 1_000_000  # bytes that are unpacked: a small text can unfold to gigabytes
UNPACK = (
    lambda data: zlib.decompressobj(wbits=47).decompress(data, MOST),  # zlib and gzip
    lambda data: bz2.BZ2Decompressor().decompress(data, MOST),
    lambda data: lzma.LZMADecompressor(memlimit=10 * MOST).decompress(data, MOST),
)


def is_test(cell):
    return cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell)


def as_text(source):
    """Markdown as HTML in which nothing acts: no scripts, pictures from elsewhere, formulas."""
    words = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\1", source)  # a picture's alternative text
    html = bleach.clean(
        markdown2html_mistune(words),
        TAGS,
        {"a": ["href"]},
        protocols={"http", "https", "mailto"},
        strip=True,
    )
    return f'<div class="tex2jax_ignore mathjax_ignore">{html}</div>'


def squeezed(text):
    """A text without spaces, quotes and backslashes, which a repr puts in."""
    return re.sub(r"\\[nrt]|[\s'\"\\]", "", text)


def decoded(text):
    """A text, and what it says if it is encoded: turned round, rot13, hex, base64, zipped."""
    yield from (text, text[::-1], codecs.encode(text, "rot13"), urllib.parse.unquote_plus(text))
    dense = re.sub(r"\\n|\s", "", text)
    for alphabet, (decode, prepare) in CODES.items():
        for found in re.findall(f"{alphabet}{{20,}}", dense):
            for cut in (found, found.removeprefix("b")):
                try:
                    data = decode(prepare(cut + "=" * (-len(cut) % 4 if "/=" in alphabet else 0)))
                except ValueError:
                    continue
                yield data.decode("utf-8", "ignore")
                yield data.decode("utf-16", "ignore")
                yield data[::-1].decode("utf-8", "ignore")
                for unpack in UNPACK:
                    with contextlib.suppress(*NOT_PACKED):
                        yield unpack(data).decode("utf-8", "ignore")


def name_exercises(nb):
    """Give each cell of an exercise its name: the heading above it, and which check it is."""
    heading = ""
    for cell in nb.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown" and marks.get("locked"):
            found = re.match(r"#+ (Exercise \d+)(?: \([^)]*\))?(.*)", cell.source)
            heading = f"{found[1]}{found[2]}" if found else heading
        elif marks:
            name = str(marks.get("grade_id", ""))
            part = " ".join(name.split("_")[1:-1])
            marks.exercise = (f"{heading} ({part})" if part else heading) or name


class PlainFeedback(NbGraderPreprocessor):
    """Outputs as texts and pictures; errors as the student's own lines and the message."""

    def preprocess(self, nb, resources):
        text = "\n".join(cell.source for cell in nb.cells)
        visible = HIDDEN.sub("", text)
        lines = {line.strip() for part in HIDDEN.findall(text) for line in part.split("\n")}
        # short lines occur by chance, and texts alone are those of messages
        chance = re.compile(r"(.{,15}|f?[\"'].*)")
        hidden = [squeezed(x) for x in lines if x not in visible and not chance.fullmatch(x)]
        nb.metadata.pop("widgets", None)
        name_exercises(nb)
        for cell in nb.cells:
            cell.pop("attachments", None)
            cell.outputs = [self.plain(x, cell) for x in cell.get("outputs", ())]
            for index, output in enumerate(cell.outputs):
                forms = (squeezed(form) for text in self.texts(output) for form in decoded(text))
                if any(line in form for form in forms for line in hidden):
                    cell.outputs[index] = new_output("stream", text=LEFT_OUT)
            if cell.cell_type != "code":
                del cell["outputs"]
        return nb, resources

    def plain(self, output, cell):
        """An output without all that a page could execute."""
        if output.output_type == "error":
            traceback = self.brief(output, cell)
            return new_output(
                "error", ename=output.ename, evalue=output.evalue, traceback=traceback
            )
        if output.output_type == "stream":
            return new_output("stream", name=output.name, text=output.text)
        data = {"text/plain": str(output.data.get("text/plain", ""))}
        alternative = str(output.get("metadata", {}).get("image/png", {}).get("alt", ""))
        for kind, start in PICTURES.items():
            try:
                picture = base64.b64decode(str(output.data.get(kind, "")))
            except ValueError:
                continue
            if picture.startswith(start):
                data[kind] = base64.b64encode(picture).decode()
        metadata = {"image/png": {"alt": alternative}} if alternative else {}
        return new_output("display_data", data, metadata=metadata)

    @staticmethod
    def texts(output):
        """What an output says."""
        shown = (
            output.get("text"),
            output.get("data", {}).get("text/plain"),
            str(output.get("metadata", "")),
        )
        return [*filter(None, (*shown, *output.get("traceback", ())))]

    @staticmethod
    def brief(error, cell):
        """The last two frames in cells of the student, and the message."""
        frames = [frame for frame in error.traceback if "Cell In[" in COLOURS.sub("", frame)]
        if is_test(cell):
            here = f"Cell In[{cell.execution_count}]"
            frames = [frame for frame in frames if here not in COLOURS.sub("", frame)]
        message = f"{error.ename}: {error.evalue}".split("\n")[:8]
        text = "\n".join(textwrap.fill(line, 100) for line in message)
        return [*frames[-2:], f"\x1b[31m{text}\x1b[0m"]
