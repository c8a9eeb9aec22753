"""The course's tasks, in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# name: source, target, download, licences of the two, device
FACTS = {
    "digits": (
        "printed letters (GlyphNet)",
        "1,797 handwritten digits, 10 classes",
        "none",
        "Apache-2.0; CC BY 4.0",
        "any CPU",
    ),
    "flowers": (
        "ImageNet (MobileNetV2 of TF Hub)",
        "3,670 photos of flowers, 5 classes",
        "238 MB",
        "Apache-2.0; CC BY 2.0",
        "a GPU is advised",
    ),
    "folder": (
        "ImageNet (MobileNetV2 of TF Hub)",
        "your own pictures, one folder a class",
        "9 MB",
        "Apache-2.0; your own",
        "a GPU is advised",
    ),
    "scipy": (
        "a sentence encoder (all-MiniLM-L6-v2)",
        "about 1,200 one-line summaries of SciPy's functions, 11 topics",
        "none",
        "BSD-3-Clause",
        "any CPU",
    ),
    "ag_news": (
        "a sentence encoder (all-MiniLM-L6-v2)",
        "7,600 news items, title and description, 4 topics",
        "1.9 MB",
        "for research; see the AG corpus of news articles",
        "any CPU",
    ),
}


def list_tasks() -> pd.DataFrame:
    """Return the tasks as a table: source, target, size of the download, licence, device.

    Examples
    --------
    >>> list_tasks().loc["digits", "download"]
    'none'
    """
    import pandas as pd

    columns = ["source", "target", "download", "licence", "device"]
    return pd.DataFrame.from_dict(FACTS, orient="index", columns=columns).rename_axis("task")
