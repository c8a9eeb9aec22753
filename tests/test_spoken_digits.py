"""Promises of the task of spoken digits: voices apart, real speakers to be tested on."""

import importlib.util

import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.tasks.spoken_digits import LANGUAGES

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("spokennumbers") is None, reason="spokennumbers is not installed"
)


@pytest.fixture(params=LANGUAGES)
def task(request):
    return tl.load_task("spoken_digits", language=request.param)


def test_no_voice_stands_in_two_splits(task):
    """Train is synthetic, test is real; each voice says each digit once."""
    voices = {}
    for name in ("train", "validation", "test"):
        split = getattr(task, name)
        rows = task.details.loc[split.index]
        voices[name] = set(rows["voice"])
        assert (np.bincount(split.labels) == len(voices[name])).all()
        assert split.clips.dtype == np.float32
        assert np.abs(split.clips).max(axis=1) == pytest.approx(0.5, abs=0.01)
    assert not voices["train"] & voices["validation"]
    assert not (voices["train"] | voices["validation"]) & voices["test"]
    kinds = [set(task.details.loc[getattr(task, n).index, "kind"]) for n in ("train", "test")]
    assert kinds == [{"synthetic"}, {"recorded"}]


def test_english_has_accents_and_a_real_speaker_to_validate_with():
    """Six accents with four voices each in train; terms of every source are said."""
    task = tl.load_task("spoken_digits")
    rows = task.details.loc[task.train.index]
    assert (rows.groupby("accent")["voice"].nunique() == 4).all()
    assert rows["accent"].nunique() == 6
    validation = task.details.loc[task.validation.index]
    assert set(validation.loc[validation["kind"] == "recorded", "voice"]) == {"Allison Smith"}
    assert task.licence == "Apache-2.0 (rendered by eSpeak NG), CC BY-SA 3.0, MIT"


def test_two_loads_do_not_share_what_can_be_changed():
    """Who changes a clip changes no other task."""
    first, second = (tl.load_task("spoken_digits") for _ in range(2))
    first.train.clips[:] = 0
    assert second.train.clips.any()


def test_another_language_is_refused():
    """The message lists those that there are."""
    with pytest.raises(ValueError, match=r"language is 'Klingon'; one of 'English', 'Spanish'"):
        tl.load_task("spoken_digits", language="Klingon")
    with pytest.raises(ValueError, match="has no option 'size'"):
        tl.load_task("spoken_digits", size=32)
