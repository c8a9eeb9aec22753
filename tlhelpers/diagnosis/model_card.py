"""A card for a model: what is measured is filled in, and what only a person knows is asked for."""

import re

import keras
import pandas as pd
import tensorflow as tf

from ..backbones.tensors import describe
from ..runtime.checks import one_of
from ..runtime.texts import some_text, valid_text
from ..tasks.task import Task, TextTask
from .card_text import CARD, ModelCard, by_group, cell, table_of

EXAMPLES = {
    "intended_use": "A first look at photos of solar cells; an expert decides.",
    "limits": "It misses more defects of polycrystalline cells. Photos of one camera only.",
    "not_tested_on": "Other cameras, thin-film cells, photos from drones.",
    "licence": "CC BY-NC-SA 4.0, because of the photos it learnt from.",
    "contact": "solar-cells@example.org",
}
_EMPTY = (
    r"(to ?do|tbd|fix ?me|x+|none|nothing|nobody|no|null|nan|n/?a|unknown|not known|lorem ipsum"
    r"|((it|there|the model) )?((has|have|is|are) )?(no|without)( known)? limit(s|ations?)?|\W*)\W*"
)
_SPLITS = "train", "validation", "test"
_SHORT = 3  # words: fewer do not say whom it may fail


def model_card(
    model: keras.Model,
    task: Task | TextTask,
    scores: pd.DataFrame,
    *,
    name: str,
    intended_use: str = "",
    limits: str = "",
    not_tested_on: str = "",
    licence: str = "",
    contact: str = "",
    split: str = "test",
) -> ModelCard:
    """Return the card of a model: what it is for, whom it may fail, and how that was measured.

    What is measured or written down already is filled in: sizes, sources, terms, versions, scores
    with their intervals (Mitchell et al., "Model Cards for Model Reporting", 2019). The five texts
    say what only a person knows, so none may be left out.

    Parameters
    ----------
    model : keras.Model
        What is handed on: with its head, and with one input.
    task : Task or TextTask
        What it learnt from.
    scores : pandas.DataFrame
        As of `scores_by_group`: a row "all", and one a group; columns `n`, `low`, `high` (a 95 %
        interval) and the score itself, from 0 to 1, under its name.
    name : str
        The title.
    intended_use, limits, not_tested_on : str
        In a sentence or more: for whom and what it is; where it fails; on whom, or on which data,
        nobody has tried it.
    licence, contact : str
        The terms of the model itself, which must go with those of what it was made from; who
        answers questions.
    split : "test" or "validation"
        On which split of the task the scores were measured.

    Returns
    -------
    ModelCard
        Jupyter shows it; `save("README.md")` writes it, `str(card)` is its Markdown.

    Raises
    ------
    ValueError
        A text that is missing, or says nothing ("TODO", "none", "no limits"); scores without
        numbers of samples or intervals, or of more samples than the split has; another split.
    TypeError
        No Keras model that knows its input, no task, no table.

    Examples
    --------
    >>> import tlhelpers as tl
    >>> digits = tl.load_task("digits")
    >>> model = keras.Sequential([keras.Input((32, 32, 3)), digits.layer(), keras.layers.Dense(10)])
    >>> scores = tl.scores_by_group(digits.test.labels, digits.test.labels)
    >>> texts = {"intended_use": "To learn with.", "limits": "It reads nothing but 8x8 digits."}
    >>> texts |= {"not_tested_on": "Digits of a phone's camera.", "contact": "me@example.org"}
    >>> tl.model_card(model, digits, scores, name="Digits", licence="Apache-2.0", **texts)
    ModelCard('Digits')
    """
    if not isinstance(model, keras.Model) or len(getattr(model, "inputs", None) or ()) != 1:
        raise TypeError(
            f"model is a {type(model).__name__}; a keras.Model is expected that begins with "
            "keras.Input and has one input."
        )
    if not all(hasattr(task, name) for name in ("class_names", "licence", *_SPLITS)):
        raise TypeError(f"task is a {type(task).__name__}; what tl.load_task gives is expected.")
    texts = {
        "intended_use": intended_use,
        "limits": limits,
        "not_tested_on": not_tested_on,
        "licence": licence,
        "contact": contact,
    }
    _check_texts(texts)
    _check_scores(scores, task, one_of(split, "split", ("test", "validation")))
    score = next(column for column in scores if column not in ("n", "low", "high"))
    cells = {
        "task": task.name,
        "classes": ", ".join(task.class_names),
        "source": getattr(task, "backbone", ""),
        "target": getattr(task, "target", task.source),
        "terms": task.licence,
        "takes": describe(model.inputs[0]),
        "gives": describe(model.outputs[0]),
    }
    if cells["source"]:
        known = cells["source"] in task.source  # some sources begin with the handle
        cells["source"] = task.source if known else f"{cells['source']}: {task.source}"
    cells = {key: cell(value) or "not stated" for key, value in cells.items()}
    text = CARD.format(
        name=some_text(name, "name"),
        **{key: value.strip() for key, value in texts.items()},
        **cells,
        measured=f"{score.replace('_', ' ').capitalize()} on `{split}`, with the 95 % interval.",
        table=table_of(scores, score),
        by_group=by_group(scores[score].drop("all")),
        samples=", ".join(f"{len(getattr(task, part)):,} in `{part}`" for part in _SPLITS),
        parameters=f"{model.count_params():,}",
        tensorflow=tf.__version__,
        keras=keras.__version__,
    )
    return ModelCard(text)


def _check_texts(texts):
    missing = []
    for key, value in texts.items():
        words = valid_text(value, key).split()
        least = 1 if key in ("licence", "contact") else _SHORT
        if len(words) < least or re.fullmatch(_EMPTY, " ".join(words), re.IGNORECASE):
            missing.append(key)
    if missing:
        got = ", ".join(f"{key}={texts[key]!r}" for key in missing)
        raise ValueError(
            f"The card is not complete: got {got}. Only a person knows this; say it in a sentence, "
            f"such as {missing[0]}={EXAMPLES[missing[0]]!r}"
        )


def _check_scores(scores, task, split):
    mend = "tl.scores_by_group(labels, predictions, groups) makes such a table."
    if not isinstance(scores, pd.DataFrame):
        raise TypeError(f"scores are a {type(scores).__name__}; a table is expected. {mend}")
    if missing := {"n", "low", "high"} - set(scores):
        raise ValueError(
            f"scores have no column {', '.join(sorted(missing))}: a figure without the number of "
            f"samples and an interval says little. {mend}"
        )
    others = [column for column in scores if column not in ("n", "low", "high")]
    if "all" not in scores.index or len(others) != 1 or not scores.index.is_unique:
        raise ValueError(
            f"scores have rows {list(scores.index)} and columns {list(scores)}; a row 'all', a row "
            f"for each group, and one score beside n, low and high are expected. {mend}"
        )
    if scores.isna().any(axis=None):
        raise ValueError(f"scores hold {scores.isna().sum().sum()} empty cells. {mend}")
    if scores.n["all"] > len(getattr(task, split)):
        raise ValueError(
            f"scores are of {scores.n['all']} samples, but {split!r} of {task.name!r} has "
            f"{len(getattr(task, split))}. Give the split that they were measured on."
        )
