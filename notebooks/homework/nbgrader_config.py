"""How nbgrader makes and grades these homeworks; run its commands in this folder."""

import os
import sys
import warnings
from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader import preprocessors as nbgrader
from nbgrader.server_extensions import formgrader
from sqlalchemy.exc import SAWarning

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "grader"))
import cells
import collecting
import feedback
import grading

# nbgrader starts alembic, which stands beside Python; its use of SQLAlchemy warns at each step
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
warnings.filterwarnings("ignore", category=SAWarning)

c = get_config()

stub = 'raise NotImplementedError("EXERCISE: your answer belongs here, in place of this line.")'
c.ClearSolutions.code_stub = {"python": stub}
c.GenerateAssignment.preprocessors = [
    nbgrader.LockCells,
    cells.NamedStubs,
    nbgrader.ClearOutput,
    nbgrader.CheckCellMetadata,
    nbgrader.ComputeChecksums,
    nbgrader.SaveCells,
    nbgrader.ClearHiddenTests,
    cells.NoChecksums,
    nbgrader.CheckCellMetadata,
]

c.ZipCollectApp.collector_plugin = collecting.StudentNames
c.StudentNames.notebooks = sorted(path.stem for path in HERE.glob("release/*/*.ipynb"))

c.Execute.timeout = 120  # seconds for a cell
c.Execute.error_on_timeout = {
    "ename": "CellTimeoutError",
    "evalue": "this cell took too long and was stopped.",
    "traceback": ["CellTimeoutError: this cell took too long and was stopped."],
}
c.Execute.shutdown_kernel = "immediate"
c.Autograde.sanitize_preprocessors = [
    nbgrader.ClearOutput,
    cells.RestoreCells,
    nbgrader.OverwriteKernelspec,
    nbgrader.OverwriteCells,
    nbgrader.CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    grading.KeepGoing,
    nbgrader.LimitOutput,
    nbgrader.SaveAutoGrades,
    nbgrader.AssignLatePenalties,
    nbgrader.CheckCellMetadata,
]

c.GenerateFeedback.preprocessors = [
    nbgrader.GetGrades,
    feedback.PlainFeedback,
    nbgrader.ClearHiddenTests,
    CSSHTMLHeaderPreprocessor,
]
c.HTMLExporter.template_name = "feedback"
c.HTMLExporter.template_file = "exercises.html.j2"
c.HTMLExporter.extra_template_basedirs = [
    str(HERE / "grader" / "templates"),
    str(Path(formgrader.__file__).parent / "templates"),
]
c.HTMLExporter.filters = {"markdown2html": feedback.as_text}
c.HTMLExporter.sanitize_html = True
