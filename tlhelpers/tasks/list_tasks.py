"""The course's tasks, in a table."""

import pandas as pd

_COLUMNS = {
    "task": [
        *["digits", "moved", "pictograms", "pictogram_groups", "pictogram_names", "solar"],
        *["flowers", "folder", "scipy", "ag_news", "spoken_digits"],
    ],
    "source": [
        *["printed letters (GlyphNet)"] * 2,
        *["ImageNet (EfficientNet-Lite0)"] * 4,
        *["ImageNet (MobileNetV2 of TF Hub)"] * 2,
        *["a sentence encoder (all-MiniLM-L6-v2)"] * 2,
        "spoken phrases (speech embedding of Google)",
    ],
    "target": [
        "1,797 handwritten digits, 10 classes",
        "the same digits, turned, shrunk and put anywhere",
        "520 coloured drawings of things, 8 kinds",
        "723 coloured drawings of things, 6 groups",
        "1,406 coloured drawings with names, 7 categories",
        "2,624 photos of solar cells, intact or defective",
        "3,670 photos of flowers, 5 classes",
        "your own pictures, one folder a class",
        "about 1,200 one-line summaries of SciPy's functions, 11 topics",
        "7,600 news items, title and description, 4 topics",
        "digits said by synthetic voices and by real speakers, 5 languages",
    ],
    "download": [
        *["none"] * 2,
        *["none (an installed package)"] * 4,
        "238 MB",
        "9 MB",
        "none",
        "1.9 MB",
        "none (an installed package)",
    ],
    "licence": [  # of source and target
        *["Apache-2.0; CC BY 4.0"] * 2,
        *["Apache-2.0; CC BY-SA 4.0 (OpenMoji)"] * 3,
        "Apache-2.0; CC BY-NC-SA 4.0 (not commercial)",
        "Apache-2.0; CC BY 2.0",
        "Apache-2.0; your own",
        "BSD-3-Clause",
        "for research; see the AG corpus of news articles",
        "Apache-2.0; Apache-2.0, MIT, CC BY 3.0 and CC BY-SA 3.0",
    ],
    "device": [*["any CPU"] * 6, *["a GPU is advised"] * 2, *["any CPU"] * 3],
}


def list_tasks() -> pd.DataFrame:
    """Return the tasks as a table: source, target, size of the download, licence, device.

    Examples
    --------
    >>> list_tasks().loc["digits", "download"]
    'none'
    """
    return pd.DataFrame(_COLUMNS).set_index("task")
