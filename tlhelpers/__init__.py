"""Chores of the transfer-learning course, off the page.

Names are loaded when they are first used: `import tlhelpers` does not import TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "setup": "runtime",
    "load_task": "tasks",
    "list_tasks": "tasks",
    "list_backbones": "backbones",
    "Task": "image_tasks",
    "Split": "splits",
    "TextSplit": "splits",
    "TextTask": "texts",
    "HubLayer": "hub",
    "strategy": "distribution",
    "export_module": "export",
    "fetch_module": "fetch",
    "mirror": "fetch",
    "blocks": "tuning",
    "unfreeze": "tuning",
    "freeze": "tuning",
    "trainable_summary": "tuning",
    "layerwise": "optimizers",
    "split_at": "split",
    "fine_tune": "recipe",
    "LabelStore": "label_store",
    "AccumulationRun": "accumulate",
    "Labeller": "labelling",
    "LearningCurve": "curve",
    "doctor": "checkup",
    "extract_features": "features",
    "raw_pixels": "images",
    "transform_images": "images",
    "views": "images",
    "TextEncoder": "text",
    "ZeroShotClassifier": "zero_shot",
    "key_figures": "report",
    "store_figures": "report",
    "claims": "report",
}
_MODULES = (
    "cache",
    "features",
    "fetch",
    "glyphs",
    "hub",
    "plots",
    "queries",
    "report",
    "runtime",
    "tasks",
)

__all__ = sorted([*_HOME, "glyphs", "plots", "queries"])


def __getattr__(name):
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"tlhelpers has no {name!r}. It offers: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def __dir__():
    return __all__
