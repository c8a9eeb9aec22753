"""How nbgrader makes and grades these homeworks; run its commands in this folder."""

import os
import sys
import warnings
from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader import preprocessors as nbgrader
from sqlalchemy.exc import SAWarning

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "grader"))
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
    grading.NamedStubs,
    nbgrader.ClearOutput,
    nbgrader.CheckCellMetadata,
    nbgrader.ComputeChecksums,
    nbgrader.SaveCells,
    nbgrader.ClearHiddenTests,
    grading.NoChecksums,
    nbgrader.CheckCellMetadata,
]

# Files of students: ann_hw1….ipynb or ann/hw1….ipynb, with whatever a browser or Colab put in
names = "|".join(path.stem for path in HERE.glob("release/*/*.ipynb"))
c.ZipCollectApp.collector_plugin = collecting.SafeNames
c.FileNameCollectorPlugin.named_regexp = (
    r".*/(?!Copy_of|extracted/)(?P<student_id>[^/_]+)(?:_[^/]*)?"
    rf"[/_][^/]*?(?P<file_id>{names})[^/]*\.ipynb$"
)

c.Execute.timeout = 120  # seconds for a cell
c.Execute.error_on_timeout = {
    "ename": "CellTimeoutError",
    "evalue": "this cell took too long and was stopped.",
    "traceback": ["CellTimeoutError: this cell took too long and was stopped."],
}
c.Execute.shutdown_kernel = "immediate"
c.Autograde.sanitize_preprocessors = [
    nbgrader.ClearOutput,
    grading.RestoreCells,
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
c.HTMLExporter.filters = {"markdown2html": feedback.as_text}
c.HTMLExporter.sanitize_html = True
