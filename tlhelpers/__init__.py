"""Chores of the transfer-learning course, off the page.

Names are loaded when they are first used: `import tlhelpers` does not import TensorFlow.
"""

from __future__ import annotations

import importlib

__version__ = "0.2.0"

_FOLDERS = {
    "runtime": "strategy",
    "storage": "clear_cache list_cache prepare_mirror read_experiment",
    "images": "coloured_letters crop_views glyphs raw_pixels read_picture transform_images",
    "backbones": "HubLayer export_lite export_module list_backbones load_backbone load_lite",
    "tasks": "AudioSplit AudioTask Split Task TextSplit TextTask list_tasks load_task",
    "training": "adapt_batch_norm average_weights blocks extract_features fine_tune freeze "
    "layerwise split_at trainable_summary unfreeze",
    "labels": "AccumulationRun LabelStore Labeller LearningCurve PairedAnswers compare_answers "
    "decide queries",
    "zero_shot": "CrossSpaceMap TextEncoder ZeroShotClassifier retrieval_scores",
    "language": "load_language_model",
    "speech": "load_speech_embedding log_mel one_word read_audio",
    "notebook": "DrawingPad Microphone answer_picture diagrams homework key_figures plots serve "
    "setup store_figures",
    "diagnosis": "doctor model_card rank_backbones scores_by_group transferability",
}
_FOLDER_OF = {name: folder for folder, names in _FOLDERS.items() for name in names.split()}
_FILES = {  # of those that share a file with a relative
    "AudioSplit": "split",
    "AudioTask": "task",
    "PairedAnswers": "compare_answers",
    "TextSplit": "split",
    "TextTask": "task",
    "freeze": "unfreeze",
    "key_figures": "figures",
    "load_lite": "export_lite",
    "store_figures": "figures",
}
_MODULES = ("diagrams", "glyphs", "homework", "plots", "queries", "transferability")
__all__ = sorted(_FOLDER_OF)


def _file(name: str) -> str:
    """Return the module that gives a name: `HubLayer` stands in `backbones.hub_layer`."""
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return f"{__name__}.{_FOLDER_OF[name]}.{_FILES.get(name) or words.lstrip('_')}"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"tlhelpers has no {name!r}. It offers: {', '.join(__all__)}.")
    value = importlib.import_module(_file(name))
    if name not in _MODULES:
        value = getattr(value, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
