"""Steps for the cells of an assignment: how they are released, and found again in what comes in.

NamedStubs     release: a stub says which exercise it belongs to
NoChecksums    release: a fork may write its address into the set-up cell
RestoreCells   before grading: moved, copied and deleted cells, and lost metadata, are mended
"""

import re

import nbformat
from feedback import HIDDEN
from nbformat.v4 import new_code_cell
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor


class NamedStubs(ClearSolutions):
    """Stubs that name their exercise: EXERCISE is Exercise 2 in the cells `ex2` and `ex2_own`."""

    def preprocess_cell(self, cell, resources, index):
        cell, resources = super().preprocess_cell(cell, resources, index)
        if utils.is_solution(cell):
            number = re.match(r"ex(\d)", cell.metadata.nbgrader.grade_id).group(1)
            cell.source = cell.source.replace("EXERCISE", f"Exercise {number}")
        return cell, resources


class NoChecksums(NbGraderPreprocessor):
    """Leaves checksums out; grading takes those of the gradebook."""

    def preprocess_cell(self, cell, resources, index):
        cell.metadata.nbgrader.pop("checksum", None)
        return cell, resources


class RestoreCells(NbGraderPreprocessor):
    """Finds the cells of the assignment in a notebook, and puts them in the order of the source.

    A cell is known by nbgrader's metadata, else by its id, else by its text. Of several copies the
    first counts that was worked on. A student's own cells stay below the known cell above them.
    What is missing is put back, except solutions; OverwriteCells then writes what is locked.
    """

    def preprocess(self, nb, resources):
        nb = nbformat.v4.upgrade(nb)  # Colab's notebooks are of an older form
        metadata, texts = self.source(resources["nbgrader"])
        names = {text: name for name, text in texts.items()}
        copies = {}
        for cell in nb.cells:
            cell.metadata.pop("tags", None)  # skip-execution would pass a test
            marked = cell.metadata.pop("nbgrader", None)
            marked = marked.get("grade_id") if isinstance(marked, dict) else None
            ids = marked, cell.get("id"), cell.metadata.get("id"), names.get(cell.source.strip())
            name = next((x for x in ids if isinstance(x, str) and x in metadata), None)
            copies.setdefault(name, []).append(cell)
        copies.pop(None, None)
        for name, cells in copies.items():
            worked_on = (cell for cell in cells if cell.source.strip() != texts[name])
            next(worked_on, cells[0]).metadata.nbgrader = metadata[name]

        blocks, name = {None: []}, None  # known cells, each with the student's own below it
        for cell in nb.cells:
            if "nbgrader" in cell.metadata:
                name = cell.metadata.nbgrader.grade_id
            blocks.setdefault(name, []).append(cell)
        for name, known in metadata.items():
            if name not in blocks and not known.solution:  # a stub would undo the student's answer
                self.log.warning("Cell %s is missing: put back", name)
                blocks[name] = [new_code_cell(metadata={"nbgrader": known})]
        # nothing of a student's runs before the set-up
        first = next((name for name, known in metadata.items() if known.cell_type == "code"), None)
        blocks.setdefault(first, []).extend(blocks.pop(None) if first else ())
        nb.cells = [cell for name in (None, *metadata) for cell in blocks.get(name, ())]
        return nb, resources

    @staticmethod
    def source(where):
        """Metadata of each cell of the source, and the text that students see of it."""
        with Gradebook(where["db_url"]) as gradebook:
            source = gradebook.find_notebook(where["notebook"], where["assignment"])
            points = {cell.name: {"points": cell.max_score} for cell in source.grade_cells}
            solutions = {cell.name for cell in source.solution_cells}
            texts = {cell.name: HIDDEN.sub("", cell.source).strip() for cell in source.source_cells}
            metadata = {
                cell.name: nbformat.NotebookNode(
                    schema_version=3,
                    grade_id=cell.name,
                    grade=cell.name in points,
                    solution=cell.name in solutions,
                    task=False,
                    locked=cell.locked,
                    cell_type=cell.cell_type,
                    checksum=cell.checksum,
                    **points.get(cell.name, {}),
                )
                for cell in source.source_cells
            }
        return metadata, texts
