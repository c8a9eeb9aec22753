"""Chores of the transfer-learning course, off the page.

Names are loaded when they are first used: `import tlhelpers` does not import TensorFlow.
"""

from __future__ import annotations

import importlib

__version__ = "0.2.0"

_PLACES = {  # public name: folder, and the file where that is not named after it
    "setup": "notebook",
    "load_task": "tasks",
    "list_tasks": "tasks",
    "list_backbones": "backbones",
    "Task": "tasks",
    "Split": "tasks",
    "TextSplit": "tasks.split",
    "TextTask": "tasks.task",
    "HubLayer": "backbones",
    "strategy": "runtime",
    "export_module": "backbones",
    "prepare_mirror": "storage",
    "blocks": "training",
    "unfreeze": "training",
    "freeze": "training.unfreeze",
    "trainable_summary": "training",
    "layerwise": "training",
    "split_at": "training",
    "fine_tune": "training",
    "LabelStore": "labels",
    "AccumulationRun": "labels",
    "Labeller": "labels",
    "LearningCurve": "labels",
    "doctor": "diagnosis",
    "extract_features": "training",
    "raw_pixels": "images",
    "transform_images": "images",
    "crop_views": "images",
    "TextEncoder": "zero_shot",
    "ZeroShotClassifier": "zero_shot",
    "key_figures": "notebook.figures",
    "store_figures": "notebook.figures",
}
_MODULES = {"glyphs": "images", "plots": "notebook", "queries": "labels"}

__all__ = sorted([*_PLACES, *_MODULES])


def _file(name: str) -> str:
    """Return the module that gives a name: `HubLayer` stands in `backbones.hub_layer`."""
    place = _MODULES.get(name) or _PLACES[name]
    if "." in place:
        return f"{__name__}.{place}"
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return f"{__name__}.{place}.{words.lstrip('_')}"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"tlhelpers has no {name!r}. It offers: {', '.join(__all__)}.")
    value = importlib.import_module(_file(name))
    if name in _PLACES:
        value = getattr(value, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
