"""The task "solar": photos of solar cells, with and without defects (ELPV)."""

import hashlib

import numpy as np
import pandas as pd

from ..backbones.efficientnet_lite0 import LITE0
from ..backbones.list_backbones import provenance
from ..backbones.side import side
from ..images.lazy_images import ImageFiles
from ..storage.check_content import check_content
from ..storage.find import Published, find_files
from .split import Split, in_splits
from .task import Task

_COUNT = 2624
_PUBLISHED = Published(
    "photos of solar cells (ELPV)",
    {
        "labels.csv": "0abe6fe7700aea571717d7d7dfec005a47c6207b4cde26a4556b6807a115483d",
        **{f"images/cell{number:04}.png": None for number in range(1, _COUNT + 1)},
    },
    None,
    "datasets/elpv",
    "elpv-dataset==1.0.0.post1",
    "elpv_dataset/data",
    92,
)
_PHOTOS = "d8279385b7f8df1503d3f97cd0742d1862daacb4078563ec063c4c0e1e334fee"  # digest of the photos
_TARGET = (
    "photos of solar cells that glow under current, 300 x 300 grey pixels (ELPV: Buerhop-Lutz et "
    "al., 2018; Deitsch et al., 2019 and 2021)"
)


def load_solar(backbone: str = LITE0, size: int | None = None) -> Task:
    """Return the task "solar": is a solar cell intact or defective?

    Experts gave each cell a probability of a defect: 0, 1/3, 2/3 or 1. Over 0.5 it counts as
    defective. `details` has the probability and whether the cell is mono- or polycrystalline. A
    hash of the file's name decides its split: a quarter tests, as in the paper, 13 in 100 validate.
    Which module a cell was part of is not published, so cells of one may stand in several splits.
    """
    size = side(backbone, size)
    folder = find_files(_PUBLISHED)
    details = pd.read_csv(folder / "labels.csv", sep=r"\s+", names=["name", "probability", "cell"])
    details = details.rename_axis("index")
    paths = [folder / name for name in details.name]
    check_content(
        {path.name: path.read_bytes() for path in paths}, _PHOTOS, folder, _PUBLISHED.package
    )
    details["name"] = [path.name for path in paths]
    details["cell"] = details.cell.map({"mono": "monocrystalline", "poly": "polycrystalline"})
    labels = (details.probability > 0.5).to_numpy(np.int64)
    everything = Split(ImageFiles(paths, size), labels, details.index.to_numpy())
    parts = in_splits(everything, details.name.map(_split))
    source, terms = provenance(backbone)
    licence = f"backbone {terms}; photos ELPV CC BY-NC-SA 4.0, not for commercial use"
    about = {"metric": "balanced_accuracy", "details": details}
    names = ("intact", "defective")
    return Task("solar", backbone, names, *parts, source, _TARGET, licence, **about)


def _split(name):
    percent = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 100
    return "test" if percent < 25 else "validation" if percent < 38 else "train"
