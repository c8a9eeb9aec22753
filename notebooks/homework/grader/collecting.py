"""Whose a file is that was handed in: what its name and its folder say, and what they do not.

ann_lee_hw1_feature_extraction.ipynb, "Copy of ann_lee_hw1_feature_extraction (1).ipynb" and
ann_lee/hw1_feature_extraction.ipynb are of ann_lee; so are the names that Moodle and Canvas make.
"""

import atexit
import os
import re
import unicodedata
from pathlib import Path

from nbgrader.plugins import FileNameCollectorPlugin
from traitlets import List, Unicode

COPY = r"(?:(?:copy|copia|kopie|copie)[ _](?:of|de|von)[ _])*"
NUMBER = re.compile(r"\((\d+)\)|-Copy(\d+)")
# names of folders that are no student's
FOLDERS = {"extracted", "archive", "downloaded", "submissions", "__MACOSX"}
# what learning platforms put behind a name: ann_4711_assignsubmission_file, annlee_LATE_4711_123456
PLATFORM = re.compile(r"(?:_\d+_assignsubmission_file_?|(?:_LATE)?_\d{2,}_\d{4,})$")


class StudentNames(FileNameCollectorPlugin):
    """Takes names of students from files, as far as they are safe as those of folders.

    At its end it says in one list which files were not collected, why, and what to do.
    """

    notebooks = List(Unicode(), help="Names of all notebooks of homework, without .ipynb.").tag(
        config=True
    )

    def __init__(self, **options):
        super().__init__(**options)
        self.left_out, self.taken = {}, {}
        atexit.register(self.report)

    def collect(self, submitted_file):
        """The student and the notebook of a file; None if it is not collected."""
        path = Path(submitted_file)
        if path.suffix != ".ipynb":
            return None
        if path.is_symlink():
            return self.leave_out(path, "is a link; put the file itself there")
        student, notebook = self.parse(path)
        if not notebook:
            return self.leave_out(
                path, f"names none of the notebooks; rename it to student_{self.example()}.ipynb"
            )
        if not student:
            return self.leave_out(
                path, f"does not say whose it is; rename it to student_{notebook}.ipynb"
            )
        if not re.fullmatch(r"\w[^/\\\x00-\x1f\x7f]*", student):
            return self.leave_out(
                path,
                f"has the student {student!r}, which is no name for a folder; rename it so that it "
                f"begins with a letter or digit, such as ann_{notebook}.ipynb",
            )
        newest = self.newest(path, student, notebook)
        if newest != path.name:
            return self.leave_out(
                path, f"is of {student} as well; {newest!r} is taken. Remove what should not count"
            )
        first = self.taken.setdefault((student, notebook), path)
        if first != path:
            where = os.path.join(first.parent.name, first.name)
            return self.leave_out(path, f"is of {student} as well; {where!r} is taken")
        return {"student_id": student, "file_id": notebook}

    def parse(self, path):
        """The student and the notebook that a name and its folder say, "" where they do not."""
        stem = unicodedata.normalize("NFC", path.stem)  # macOS takes accents apart
        folder = PLATFORM.sub("", unicodedata.normalize("NFC", path.parent.name))
        for notebook in sorted(self.notebooks, key=len, reverse=True):
            wanted = rf"{COPY}(?:(.*?)[ _-])??{COPY}{re.escape(notebook)}"
            found = re.match(wanted, stem, re.I | re.S)
            if found:
                student = PLATFORM.sub("", found[1] or "")
                return student or ("" if folder in FOLDERS else folder), notebook
        return "", ""

    def newest(self, path, student, notebook):
        """Of the files of one student, the name that counts: of copies the one counted last."""
        same = [
            each.name
            for each in path.parent.glob("*.ipynb")
            if self.parse(each) == (student, notebook) and not each.is_symlink()
        ]
        return max(same, key=lambda name: (copies(name), name), default=path.name)

    def example(self):
        return self.notebooks[0] if self.notebooks else "hw1"

    def leave_out(self, path, reason):
        self.left_out[path] = reason

    def report(self):
        """Print the list."""
        if self.left_out:
            print(f"\nNot collected ({len(self.left_out)}):")
        for path, reason in self.left_out.items():
            print(f"  {os.path.join(path.parent.name, path.name)!a} {reason}.")
        self.left_out = {}


def copies(name):
    """The number that a browser or Jupyter put into the name of a copy; 0 for the first."""
    return max((int(first or second) for first, second in NUMBER.findall(name)), default=0)
