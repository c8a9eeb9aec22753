"""Run notebooks 01, 02, 03 and 05 on real photos with a real ImageNet network; check the result.

    python -m tools.test_real [01 02 ...]

Data and module come from `TLHELPERS_MIRROR`, or from the internet. On two cores this takes most of
an hour; the notebooks themselves are left as they are.
"""

import argparse
import os
import time

import nbformat
from nbclient import NotebookClient

from tools.build_notebooks import NOTEBOOKS, key_figures

LEAST = 0.77  # accuracy of frozen features with ten labels a class


def run(path):
    """Key figures of a notebook that was run on flowers."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": path.parent}}).execute()
    print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for output in outputs:
        if output.get("name") == "stderr":
            raise SystemExit(f"{path.name} wrote to the error stream:\n{output.text}")
    found = key_figures(notebook)
    for name, value in found.items():
        print(f"    {name}: {value:,.3f}" if isinstance(value, float) else f"    {name}: {value:,}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("numbers", nargs="*", default=["01", "02", "03", "05"])
    os.environ["TLHELPERS_TASK"] = "flowers"
    for number in parser.parse_args().numbers:
        found = run(next(NOTEBOOKS.glob(f"{number}_*.ipynb")))
        if number == "02":
            features = found["test_accuracy_labels_10"]
            others = max(found["raw_pixels_10_labels"], found["random_weights_10_labels"])
            print(f"frozen features {features:.3f}, raw pixels or random weights {others:.3f}")
            if features < max(LEAST, others + 0.2):
                raise SystemExit(f"frozen features should reach {LEAST} with ten labels a class")


if __name__ == "__main__":
    main()
