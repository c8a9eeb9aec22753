"""The course's tasks by name."""

import inspect

from . import image_tasks, texts

_TASKS = {
    "digits": (
        image_tasks.load_digits,
        {
            "source": "printed letters (GlyphNet)",
            "target": "1,797 handwritten digits, 10 classes",
            "download": "none",
            "licence": "Apache-2.0; CC BY 4.0",
            "device": "any CPU",
        },
    ),
    "flowers": (
        image_tasks.load_flowers,
        {
            "source": "ImageNet (MobileNetV2 of TF Hub)",
            "target": "3,670 photos of flowers, 5 classes",
            "download": "238 MB",
            "licence": "Apache-2.0; CC BY 2.0",
            "device": "a GPU is advised",
        },
    ),
    "folder": (
        image_tasks.load_folder,
        {
            "source": "ImageNet (MobileNetV2 of TF Hub)",
            "target": "your own pictures, one folder a class",
            "download": "9 MB",
            "licence": "Apache-2.0; your own",
            "device": "a GPU is advised",
        },
    ),
    "scipy": (
        texts.load_scipy,
        {
            "source": "a sentence encoder (all-MiniLM-L6-v2)",
            "target": "about 1,200 one-line summaries of SciPy's functions, 11 topics",
            "download": "none",
            "licence": "BSD-3-Clause",
            "device": "any CPU",
        },
    ),
    "ag_news": (
        texts.load_ag_news,
        {
            "source": "a sentence encoder (all-MiniLM-L6-v2)",
            "target": "7,600 news items, title and description, 4 topics",
            "download": "1.9 MB",
            "licence": "for research; see the AG corpus of news articles",
            "device": "any CPU",
        },
    ),
}


def load_task(name, **options):
    """A transfer task by its name; `list_tasks()` shows them.

    Parameters
    ----------
    name : str
    path : str or Path
        For "folder": `<path>/<class>/…`, or `<path>/<train, validation or test>/<class>/…`.
    backbone : str, optional
        For tasks of pictures: another backbone than the task's own, see `list_backbones()`. What
        prepares the pictures for it comes with it.
    seed : int, optional
        For "folder": another draw of validation and test, where they are not folders.
    size : int, optional
        For tasks of pictures: their side in pixels, where the backbone can take another than its
        own. Smaller ones are faster, and say less.

    Returns
    -------
    Task or TextTask

    Raises
    ------
    ValueError
        Unknown name, or an option that the task does not have; the message lists the valid ones.
        For "folder": no such folder, fewer than two classes with pictures in it, or so few that
        a split has none.
    ConnectionError
        Data that are not here and could not be downloaded.

    Examples
    --------
    >>> task = load_task("digits")
    >>> task.image_shape
    (32, 32, 3)
    >>> task = load_task("folder", path="photos", backbone="keras:VGG16")  # doctest: +SKIP
    """
    if not isinstance(name, str) or name not in _TASKS:
        raise ValueError(f"Unknown task {name!r}. Valid tasks: {', '.join(map(repr, _TASKS))}.")
    load = _TASKS[name][0]
    known = inspect.signature(load).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(
            f"The task {name!r} has no option {unknown[0]!r}; its options: "
            f"{', '.join(known) or 'none'}."
        )
    options = {option: value for option, value in options.items() if value is not None}
    if name == "folder" and "path" not in options:
        raise ValueError("Which folder? load_task('folder', path='my_photos').")
    return load(**options)


def list_tasks():
    """The tasks as a pandas table: source, target, size of the download, licence, device."""
    import pandas as pd

    rows = {name: facts for name, (_, facts) in _TASKS.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("task")
