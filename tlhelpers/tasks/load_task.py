"""The course's tasks by name."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, overload

from ..backbones.load_backbone import find_backbone
from ..runtime.types import StrPath
from . import image_tasks, pictograms, solar, spoken_digits, text_tasks
from .origins import Origin
from .task import AudioTask, Task, TextTask

_LOADERS: dict[str, Callable[..., Any]] = {
    "digits": image_tasks.load_digits,
    "moved": image_tasks.load_moved,
    "pictograms": pictograms.load_pictograms,
    "pictogram_groups": pictograms.load_pictogram_groups,
    "pictogram_names": pictograms.load_pictogram_names,
    "solar": solar.load_solar,
    "flowers": image_tasks.load_flowers,
    "folder": image_tasks.load_folder,
    "scipy": text_tasks.load_scipy,
    "ag_news": text_tasks.load_ag_news,
    "spoken_digits": spoken_digits.load_spoken_digits,
}


@overload
def load_task(name: Literal["scipy", "ag_news"]) -> TextTask: ...
@overload
def load_task(name: Literal["spoken_digits"], *, language: str | None = ...) -> AudioTask: ...
@overload
def load_task(
    name: Literal["digits", "moved", "solar", "flowers"],
    *,
    backbone: str | None = ...,
    size: int | None = ...,
) -> Task: ...
@overload
def load_task(
    name: Literal["pictograms", "pictogram_groups", "pictogram_names"],
    *,
    backbone: str | None = ...,
    size: int | None = ...,
    seed: int | None = ...,
) -> Task: ...
@overload
def load_task(
    name: Literal["folder"],
    *,
    path: StrPath,
    backbone: str | None = ...,
    size: int | None = ...,
    seed: int | None = ...,
    origin: Origin | None = ...,
) -> Task: ...


def load_task(
    name: str,
    *,
    path: StrPath | None = None,
    backbone: str | None = None,
    size: int | None = None,
    seed: int | None = None,
    origin: Origin | None = None,
    language: str | None = None,
) -> Task | TextTask | AudioTask:
    """Return a transfer task by its name; `list_tasks()` shows them.

    Parameters
    ----------
    name : str
    path : str or Path
        For "folder": `<path>/<class>/…`, or `<path>/<train, validation or test>/<class>/…`.
    backbone : str, optional
        For tasks of pictures: another backbone than the task's own, see `list_backbones()`. What
        prepares the pictures for it comes with it. For "folder" its files are found, or downloaded,
        before the pictures are read.
    size : int, optional
        For tasks of pictures: their side in pixels, where the backbone can take another than its
        own. Smaller ones are faster, and say less.
    seed : int, optional
        For "folder" and pictograms: another draw of the splits; for "folder" of those that are not
        folders.
    origin : str or function, optional
        For "folder": what says where a picture comes from, such as a person, a place or a burst of
        photos; all of one origin go to the same split. A regular expression, whose first group is
        looked for in the picture's path within the folder, or a function of that path. `details`
        has the origins.
    language : str, optional
        For "spoken_digits": "English", "Spanish", "French", "Italian" or "Russian".

    Raises
    ------
    ValueError
        Unknown name, or an option that the task does not have; the message lists the valid ones.
        For "folder": no such folder, fewer than two classes with pictures in it, or so few that
        a split has none; an `origin` that matches no picture.
    ConnectionError
        Data, or a backbone, that are not here and could not be downloaded; the message says how to
        get them.
    ModuleNotFoundError
        For pictograms: the library that draws is not installed.

    Examples
    --------
    >>> task = load_task("digits")
    >>> task.image_shape
    (32, 32, 3)
    >>> task = load_task("folder", path="photos", backbone="keras:VGG16")  # doctest: +SKIP
    """
    if not isinstance(name, str) or name not in _LOADERS:
        raise ValueError(f"Unknown task {name!r}. Valid tasks: {', '.join(map(repr, _LOADERS))}.")
    given = {"path": path, "backbone": backbone, "size": size, "seed": seed, "origin": origin}
    given["language"] = language
    options = {option: value for option, value in given.items() if value is not None}
    known = inspect.signature(_LOADERS[name]).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(
            f"The task {name!r} has no option {unknown[0]!r}; its options: "
            f"{', '.join(known) or 'none'}."
        )
    if name == "folder" and path is None:
        raise ValueError("Which folder? load_task('folder', path='my_photos').")
    if path is not None and backbone is not None and Path(path).expanduser().is_dir():
        find_backbone(backbone, size)  # before all pictures are read in vain
    return _LOADERS[name](**options)
