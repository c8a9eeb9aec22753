"""Names of types that many signatures share."""

import os

StrPath = str | os.PathLike[str]
