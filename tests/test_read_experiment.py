"""Stored experiments: tables that travel with the package."""

import numpy as np
import pytest

import tlhelpers as tl


def test_rows_are_runs():
    """Each row says what was trained, and what it reached."""
    runs = tl.read_experiment("scratch_pictograms")
    assert {"labels_per_class", "draw", "validation", "test", "seconds"} <= set(runs)
    assert runs[["validation", "test"]].stack().between(0, 1).all()
    assert not runs.duplicated(["labels_per_class", "draw", "learning_rate", "augmented"]).any()


def test_unknown_name_is_answered_with_the_known_ones():
    """The message lists the experiments that there are."""
    with pytest.raises(ValueError, match=r"name is 'sctrach'.*'scratch_pictograms'"):
        tl.read_experiment("sctrach")


@pytest.mark.slow
def test_a_cheap_row_comes_again():
    """One label a class, the best recipe: another training lands where the stored ones did."""
    pytest.importorskip("resvg_py", reason="pictograms need the extra 'pictures'")
    from tools.experiments.scratch_pictograms import KEY, Trainer

    runs = tl.read_experiment("scratch_pictograms")
    cheap = runs[runs.labels_per_class == 1]
    _, draw, rate, augmented = cheap[KEY].iloc[0]
    row, _ = Trainer(tl.load_task("pictograms"), bool(augmented)).run(1, int(draw), float(rate))
    spread = max(0.1, 2 * np.ptp(cheap.validation))
    assert abs(row["validation"] - cheap.validation.mean()) < spread
