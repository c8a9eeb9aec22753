"""Tasks of pictures: digits, also moved (installed), flowers, a folder of one's own."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

from ..backbones.list_backbones import MOBILENET, provenance
from ..backbones.side import side
from ..images import glyphs
from ..images.lazy_images import ImageFiles
from ..images.move import move
from ..images.transform_images import Transformed
from ..runtime.texts import printable
from ..runtime.types import StrPath
from ..storage.find import find_folder
from . import folder_scan
from .origins import Origin, assign_origins, origin_problems, origins_of
from .split import Split, in_splits
from .task import Task


def load_digits(backbone: str = "embedded:glyphnet", size: int | None = None) -> Task:
    """Return the task "digits": handwritten digits of scikit-learn, in the backbone's size."""
    return _digits("digits", backbone, size, _enlarge, {})


def load_moved(backbone: str = "embedded:glyphnet", size: int | None = None) -> Task:
    """Return the task "moved": the same digits, turned, shrunk and put anywhere.

    Labels and splits are those of "digits". Each digit has its place, the same in every call.
    """
    return _digits("moved", backbone, size, _move, {"seed": 0})


def _digits(name, backbone, size, function, arguments):
    size = side(backbone, size)
    digits = datasets.load_digits()
    small = np.repeat((digits.images / 16).astype(np.float32)[..., None], 3, axis=-1)
    images = Transformed(small, function, {"size": size, **arguments})
    images = np.asarray(images) if size <= 64 else images
    labels = digits.target.astype(np.int64)
    # Samples seem to stand in the order of their writers, so cutting each class in that order
    # probably keeps most writers of the test split out of the others.
    place = pd.Series(labels).groupby(labels).cumcount()
    splits = np.where(place < 60, "train", np.where(place < 90, "validation", "test"))
    target = "handwritten digits in scikit-learn (UCI ML Repository; Alpaydin and Kaynak, 1998)"
    terms = "digits CC BY 4.0"
    return _task(name, backbone, "0123456789", images, labels, splits, target, terms)


def _enlarge(images, size):
    return np.repeat(glyphs.enlarge(images[..., 0], size)[..., None], 3, axis=-1)


def _move(images, size, seed):
    return move(_enlarge(images, size), seed)


_FLOWERS = (
    "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
    "datasets/flower_photos",
    "sha256:4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
)


def load_flowers(backbone: str = MOBILENET, size: int | None = None) -> Task:
    """Return the task "flowers": TensorFlow's photos, from cache, mirror or internet (229 MB).

    The SHA-1 of a photo's file name decides its split: a fifth validates, a fifth tests. So each
    photo stays in its split when others come or go. The formula is that of TensorFlow's former
    script for retraining, which hashed the whole path, so that its splits were others.
    """
    size = side(backbone, size)
    found, report = folder_scan.scan(find_folder(*_FLOWERS))

    def split(name):
        percent = int(hashlib.sha1(name.encode()).hexdigest(), 16) % 2**27 * 100 / (2**27 - 1)
        return "validation" if percent < 20 else "test" if percent < 40 else "train"

    splits = [split(one.path.name) for one in found]
    target = "photos of five kinds of flowers (The TensorFlow Team, 2019; by many photographers)"
    return _of_files("flowers", backbone, size, found, splits, target, "photos CC BY 2.0", report)


def load_folder(
    path: StrPath,
    backbone: str = MOBILENET,
    size: int | None = None,
    seed: int = 0,
    origin: Origin | None = None,
) -> Task:
    """Return the task "folder": pictures of one's own, laid out as `folder_scan.scan` says.

    With `origin` whole origins go into a split (`origins.assign_origins`). `details` has the name
    of each picture, its path within the folder, and its origin.
    """
    size = side(backbone, size)
    found, report = folder_scan.scan(path)
    details = pd.DataFrame({"name": [one.name for one in found]}).rename_axis("index")
    if origin is None:
        splits = folder_scan.assign(found, seed)
    else:
        details["origin"] = origins_of(found, origin)
        own = details.origin.to_numpy(object)
        splits = assign_origins(found, own, seed)
        rows = [*report.itertuples(index=False), *origin_problems(found, own, splits)]
        report = pd.DataFrame(rows, columns=report.columns)
    empty = [name for name in ("validation", "test") if name not in splits]
    if empty:
        problems = zip(report["name"][:3], report["problem"][:3], strict=True)
        raise ValueError(
            f"{printable(str(path))} has too few pictures: none is left for {' and '.join(empty)}. "
            "Add some (a class of 3 fills all splits), or make folders train, validation and test, "
            f"each with a folder for each class. {'; '.join(map(': '.join, problems))}".rstrip()
        )
    target = f"pictures in {printable(Path(path).expanduser().resolve().name)}"
    facts = target, "pictures your own", report, details
    return _of_files("folder", backbone, size, found, splits, *facts)


def _of_files(name, backbone, size, found, splits, *facts):
    class_names, labels = np.unique([one.class_name for one in found], return_inverse=True)
    images = ImageFiles([one.path for one in found], size)
    return _task(name, backbone, class_names.tolist(), images, labels, splits, *facts)


def _task(name, backbone, class_names, images, labels, splits, *facts):
    target, terms, report, details = (*facts, None, None)[:4]
    source, licence = provenance(backbone)
    parts = in_splits(Split(images, labels, np.arange(len(labels))), splits)
    licence = f"backbone {licence}; {terms}"
    return Task(
        *(name, backbone, tuple(class_names), *parts, source, target, licence),
        report=report,
        details=details,
    )
