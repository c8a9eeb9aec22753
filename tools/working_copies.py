"""Copy the notebooks into a folder that git ignores, where students read, run and change them.

    python tools/working_copies.py [--outputs yes|no] [folder]

A copy that somebody changed, or ran with another result, is never written again. The others follow
the course. `--outputs no` leaves the results out, for those who want to guess before they see.
"""

import argparse
import hashlib
import json
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "my_notebooks"
RECORD = ".made.json"  # in the folder: of each copy, what it was made of


def sources(root=ROOT):
    """The course's notebooks by the names of their copies, homework in a folder of its own."""
    course, homework = root / "notebooks", root / "notebooks" / "homework" / "release"
    found = {path.name: path for path in sorted(course.glob("*.ipynb"))}
    return found | {f"homework/{path.name}": path for path in sorted(homework.glob("*/*.ipynb"))}


def digest(content):
    return hashlib.sha256(content).hexdigest()


def shown(output):
    """What a reader sees of an output: texts. In data JupyterLab writes 1.0 as 1."""
    data = {kind: text for kind, text in output.get("data", {}).items() if isinstance(text, str)}
    return [output.get(part) for part in ("output_type", "text", "ename", "evalue")] + [data]


def seen(notebook):
    """Digest of what a reader sees; the rest JupyterLab writes even if nothing was changed."""
    cells = [
        [cell.cell_type, cell.source, cell.get("attachments") or {}]
        + [shown(output) for output in cell.get("outputs", ())]
        for cell in notebook.cells
    ]
    return digest(json.dumps(cells, sort_keys=True).encode())


def untouched(path, known):
    """Whether a copy shows what it showed when it was made; what cannot be read was touched."""
    try:
        return seen(nbformat.read(path, as_version=4)) == known["seen"]
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return False


def read_record(folder):
    """What the copies were made of; without a record, all that is there is the student's."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return record["outputs"], dict(record["copies"])
    except (OSError, ValueError, KeyError, TypeError):
        return True, {}


def write(path, text):
    """Write a file whole, or leave what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def course_notebook(path):
    """Text of a notebook of the course, and the notebook."""
    text = path.read_text(encoding="utf-8")
    try:
        return text, nbformat.reads(text, as_version=4)
    except (ValueError, AttributeError) as error:
        what = str(error).partition("\n")[0]
        raise SystemExit(
            f"{path} is no notebook ({what[:80]}); get it back with: git checkout -- {path}"
        ) from error


def make_copies(folder=FOLDER, outputs=None, root=ROOT):
    """Make or renew the copies; returns a line that says what was written and what was kept.

    `outputs` is True, False, or None for what the folder has.
    """
    before, copies = read_record(folder)
    outputs = before if outputs is None else outputs
    written, kept, behind = 0, 0, []
    for name, path in sources(root).items():
        text, notebook = course_notebook(path)
        made = {"course": digest(text.encode()), "outputs": outputs}
        copy, known = folder / name, copies.get(name, {})
        if copy.exists() and not untouched(copy, known):
            kept += 1
            if known.get("course") != made["course"]:
                behind.append(name)
            continue
        if copy.exists() and made.items() <= known.items():
            continue
        if not outputs:
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            text = nbformat.writes(notebook) + "\n"
        copies[name] = made | {"seen": seen(notebook)}
        write(copy, text)
        written += 1
    write(folder / RECORD, json.dumps({"outputs": outputs, "copies": copies}, indent=1))
    line = f"{folder.name}: {written} notebooks made or renewed, {kept} kept as you left them."
    if behind:
        line += f" The course has changed {', '.join(behind)}: rename yours, and the next start"
        line += " brings the new one."
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--outputs", choices=("yes", "no"), help="default: as the folder has them")
    options = parser.parse_args()
    outputs = None if options.outputs is None else options.outputs == "yes"
    try:
        print(make_copies(options.folder.resolve(), outputs))
    except OSError as error:
        raise SystemExit(
            f"{options.folder} cannot be written ({error.strerror}): {error.filename}. "
            "Name another folder: make lab COPIES=folder"
        ) from error


if __name__ == "__main__":
    main()
