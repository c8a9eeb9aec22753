"""Names of students, as they are taken from the files that were handed in."""

import re

from nbgrader.plugins import FileNameCollectorPlugin


class SafeNames(FileNameCollectorPlugin):
    """Takes names of students as far as they are safe as those of folders."""

    def collect(self, submitted_file):
        found = super().collect(submitted_file)
        name = found and found["student_id"]
        if not name or re.fullmatch(r"\w[^/\\\x00-\x1f\x7f]*", name):
            return found
        self.log.warning(
            "Not collected: %s has the student %r, which is no name for a folder; rename the file "
            "so that it begins with a letter or digit, such as ann_%s.ipynb.",
            *(ascii(submitted_file), name, found["file_id"]),
        )
        return None
