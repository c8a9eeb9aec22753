"""What the prose of notebook 01 claims, held against the figures that its last run stored."""

import pytest
from stored import stored


@pytest.fixture(scope="module")
def found():
    return stored("01")


def test_six_photographs(found):
    """A cat, an espresso and a palace are right; what has no name gets the nearest one."""
    assert list(found.best_names) == [
        "Egyptian_cat",
        "espresso",
        "missile",
        "moped",
        "palace",
        "daisy",
    ]


def test_sure_of_the_espresso_and_of_the_moped(found):
    """The network is sure of the espresso, and of the moped, which is a mistake."""
    cat, espresso, _, moped, palace, _ = found.best_shares
    assert espresso > 0.8
    assert moped > 0.5
    assert max(cat, palace) < 0.5


def test_transfer_leads_in_every_draw(found):
    """On validation transfer is ahead of the same network from scratch in each draw, and by far."""
    assert min(found.leads) > 0
    assert sum(found.leads) / len(found.leads) > 0.1


def test_order_on_validation(found):
    """From scratch is a little better than raw pixels, and transfer beats both."""
    means = found.validation
    assert means["transfer"] > max(means["from scratch"], means["raw pixels"]) + 0.1
    assert means["raw pixels"] < means["from scratch"] < means["raw pixels"] + 0.06


def test_live_row_is_one_of_the_table(found):
    """What is trained in the notebook lies near the stored runs of the same recipe."""
    assert min(found.stored_live) - 0.1 <= found.live <= max(found.stored_live) + 0.1


def test_labelled_drawings_are_known_by_heart(found):
    """At the end the new head gets all of its labelled drawings right."""
    assert found.labelled.min() > 0.99


def test_order_on_test(found):
    """On test each run of transfer beats all others, by 15 points and more in the mean."""
    others = [*found.test_raw_pixels, *found.test_from_scratch]
    assert min(found.test_transfer) > max(others)
    assert found.key.test_transfer >= found.key.test_raw_pixels + 0.15


def test_few_parameters_learn(found):
    """Ten thousand parameters learn, millions are frozen."""
    assert found.key.trained_parameters == 10_248
    assert found.key.frozen_parameters > 3_000_000
