"""Install the course beside Colab's versions: none may change, and every notebook must run.

    python tools/test_colab.py [--python python3.12]

What is installed is an archive of the last commit and the packages that notebooks read, as in the
set-up cells on Colab.
"""

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.build_notebooks import PACKAGES, pins

ROOT = Path(__file__).parents[1]
PINS = ROOT / "tools" / "colab_pins.txt"

RUN = """
import sys, nbformat, tlhelpers
from pathlib import Path
from nbclient import NotebookClient

assert "site-packages" in tlhelpers.__file__, tlhelpers.__file__
for path in sorted(Path(".").glob("*.ipynb")):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    noise = [out.text for out in outputs if out.get("name") == "stderr"]
    print(path.name, "ran", *noise, flush=True)
    if noise:
        sys.exit("a notebook wrote to the error stream")
"""


def named(lines):
    """Lines `Name==version` with names as pip compares them, but for the course itself."""
    pairs = (line.partition("==") for line in lines if line and "tlhelpers" not in line)
    return {re.sub(r"[-_.]+", "-", name).lower() + sign + rest for name, sign, rest in pairs}


def find_python():
    return shutil.which("python3.12") or shutil.which("python3.13") or "python3.12"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", default=find_python(), help="Python 3.12 or 3.13")
    options = parser.parse_args()
    packages = sorted({pin for name in PACKAGES for pin in pins(name)})
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        subprocess.run([options.python, "-m", "venv", folder / "env"], check=True)
        python = folder / "env" / "bin" / "python"
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MPLBACKEND")}
        environment["TLHELPERS_CACHE"] = str(folder / "cache")
        environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a note of the debugger, no error

        def run(*arguments):
            done = subprocess.run(
                [python, *arguments],
                cwd=folder,
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
            )
            return done.stdout.decode()

        run("-m", "pip", "install", "--quiet", "-r", PINS)
        before = named(run("-m", "pip", "freeze", "--all").split("\n"))
        archive = folder / "course.zip"
        save = ["git", "archive", "--format=zip", "--prefix=course/", "-o", archive, "HEAD"]
        subprocess.run(save, cwd=ROOT, check=True)
        run("-m", "pip", "install", "--quiet", f"tlhelpers @ {archive.as_uri()}")
        run("-m", "pip", "install", "--quiet", "--no-deps", *packages)
        after = named(run("-m", "pip", "freeze", "--all").split("\n"))
        gone, new = before - after, after - before - named(packages)
        if gone or new:
            raise SystemExit(f"installing changed {sorted(gone)} to {sorted(new)}")
        print(f"{len(before)} packages, none changed by installing the course")
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        subprocess.run([python, "-c", RUN], cwd=folder / "notebooks", env=environment, check=True)


if __name__ == "__main__":
    main()
