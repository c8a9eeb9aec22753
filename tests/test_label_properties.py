"""What holds of labels, queries and learning curves, whatever is done: tried by machine."""

import shutil
import tempfile
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
from fuzz import some
from hypothesis import example, given, target
from hypothesis import strategies as st

import tlhelpers as tl
from tlhelpers.labels import label_csv, label_rows

ITEMS = st.sampled_from("abc")
LABELS = st.sampled_from([None, "cat", "=1+1"])
WHO = st.sampled_from(["person", "ana", "model"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
RISKY = st.text("'=+-@＝\t\r\n \ufeffa", min_size=1, max_size=6)


class Model:
    """A label store as a plain list; what `LabelStore` promises, in the fewest words."""

    def __init__(self):
        self.rows = []  # [item, label, who, withdrawn], in the order of their times

    def latest(self, item, *, of):
        rows = [row for row in self.rows if row[0] == item and not row[3] and of(row)]
        return rows[-1] if rows else None

    def add(self, item, label, who):
        latest = self.latest(item, of=lambda row: (row[2] == "model") == (who == "model"))
        if latest and latest[1:3] == [label, who]:
            return False
        self.rows.append([item, label, who, False])
        return True

    def withdraw(self, item, who):
        latest = self.latest(item, of=lambda row: row[2] == who)
        if latest:
            latest[3] = True
        return latest is not None

    def counting(self):
        found = {}
        for item in {row[0] for row in self.rows}:
            people = self.latest(item, of=lambda row: row[2] != "model")
            row = people or self.latest(item, of=lambda row: True)
            if row:
                found[item] = tuple(row[1:3])
        return found


STEPS = st.one_of(
    st.tuples(st.just("add"), ITEMS, LABELS, WHO),
    st.tuples(st.just("add_many"), st.lists(st.tuples(ITEMS, LABELS, WHO), max_size=4)),
    st.tuples(st.just("withdraw"), ITEMS, WHO),
    st.tuples(st.sampled_from(["reopen", "by_another", "through_csv", "merge"])),
)


def check(store, model, seen):
    """Compare all that a store says with the model; `seen` follows its changes."""
    expected = model.counting()
    assert {row.item: (row.label, row.who) for row in store} == expected
    assert len(store) == sum(label is not None for label, _ in expected.values())
    assert int(store.counts().to_numpy().sum()) == len(store)
    rows = [[row.item, row.label, row.who, bool(row.withdrawn)] for row in store.history()]
    assert rows == model.rows
    for change in store.changes(seen["last"]):
        seen["last"] = max(seen["last"], change.change)
        seen[change.item] = (change.label, change.who)
    followed = {item: said for item, said in seen.items() if item != "last" and said[1]}
    assert followed == expected


@pytest.mark.slow
@some(30)
@given(st.lists(STEPS, max_size=12))
def test_a_store_does_what_a_plain_list_does(steps):
    """Adding, taking back, reopening, and going through CSV, in any order, by several hands."""
    with tempfile.TemporaryDirectory() as folder:
        store, model, seen = tl.LabelStore(f"{folder}/labels"), Model(), {"last": -1}
        other = tl.LabelStore(store.path)
        for number, (step, *given_to) in enumerate(steps):
            if step == "add":
                item, label, who = given_to
                assert store.add(item, label, who=who) == model.add(*given_to)
            elif step == "add_many":
                assert store.add_many(given_to[0]) == sum(model.add(*row) for row in given_to[0])
            elif step == "withdraw":
                assert store.withdraw(*given_to) == model.withdraw(*given_to)
            elif step == "reopen":
                store.close()
            elif step == "by_another":
                store, other = other, store
            elif step == "through_csv":
                store.export_csv(f"{folder}/{number}.csv")
                again = tl.LabelStore(f"{folder}/{number}")
                assert again.import_csv(f"{folder}/{number}.csv") == len(model.rows)
                check(again, model, {"last": -1})
                again.close()
            else:  # the histories of a copy that went on by itself are joined
                store.close()
                other.close()
                copy = tl.LabelStore(shutil.copy(store.path, f"{folder}/{number}"))
                copy.add("a", f"of {number}")
                model.add("a", f"of {number}", "person")
                copy.export_csv(f"{folder}/{number}.csv")
                copy.close()
                assert store.import_csv(f"{folder}/{number}.csv") == 1
                assert store.import_csv(f"{folder}/{number}.csv") == 0
            check(store, model, seen)
        store.close()
        other.close()


@some(300)
@given(st.one_of(TEXTS, RISKY))
def test_any_text_is_safe_and_comes_back(text):
    """What is written for a spreadsheet begins as no formula does, and is read as it was."""
    written = label_csv.escaped(text)
    assert label_csv.unescaped(written) == text
    assert written.lstrip().removeprefix("\ufeff")[:1] not in [*"=+-@＝＋－＠"]
    assert written[0] not in "\t\r\n"


@some(30)
@given(
    st.lists(
        st.tuples(
            TEXTS | RISKY,
            st.none() | TEXTS | RISKY,
            TEXTS | RISKY,
            st.none() | st.floats(0, 1),
            st.integers(0, 2**31 - 1),
            st.none() | TEXTS | RISKY,
            st.datetimes(),
            st.none() | st.datetimes(),
        ),
        max_size=5,
        unique_by=itemgetter(0, 1, 2, 6),
    )
)
def test_any_history_goes_through_csv(rows):
    """Texts, numbers, dates, also None: all of it comes back, and a second time as well."""
    times = [[t and f"{t.isoformat('T', 'microseconds')}+00:00" for t in row[6:]] for row in rows]
    written = [label_rows.Label(*row[:6], *t) for row, t in zip(rows, times, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        label_csv.write_csv(path, written)
        expected = [(tuple(row[:6]), *row[6:]) for row in written]
        assert label_csv.read_csv(path) == expected
        with tl.LabelStore(f"{folder}/labels") as store:
            assert store.import_csv(path) == len(rows)
            history = store.history()
            assert sorted(history, key=str) == sorted(written, key=str)
            store.export_csv(path)
            assert store.import_csv(path) == 0
            assert store.history() == history


@pytest.mark.filterwarnings("ignore:labels holds")
@some(25)
@given(
    st.lists(st.tuples(st.integers(0, 11), st.sampled_from("csux")), max_size=15),
    st.sampled_from(["random", "margin"]),
)
def test_a_run_follows_its_store(steps, query):
    """After any answers, skips, undoings and others' labels it is as a run that begins now."""
    features = np.random.default_rng(0).normal(size=(12, 3))
    items = [f"text {number % 10}" for number in range(12)]  # two stand there twice
    options = {"class_names": ("cat", "dog"), "query": query, "round_size": 3}
    with tempfile.TemporaryDirectory() as folder, tl.LabelStore(f"{folder}/labels") as store:
        run = tl.AccumulationRun(store, items, features, **options)
        for position, step in steps:
            if step == "u":
                run.undo()
            elif step == "x":
                store.add(run.keys[position], "dog", who="model" if position % 2 else "ana")
            else:
                run.answer(position, None if step == "s" else ["cat", "dog"][position % 2])
            again = tl.AccumulationRun(store, items, features, **options)
            assert (again.round, list(again.ask())) == (run.round, list(run.ask()))
            for mine, anew in zip(run.labelled(), again.labelled(), strict=True):
                assert np.array_equal(mine, anew)
            left = 10 - len({row.item for row in store if row.who != "model"})
            assert len(set(run.ask())) == len(run.ask()) <= left
            assert (len(run.ask()) == 0) == (left == 0)


@st.composite
def pools(draw):
    """Features with equal rows, constant columns and numbers of any magnitude; some labelled."""
    value = st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e30]) | st.floats(-10, 10, width=32)
    width = draw(st.integers(1, 3))
    rows = draw(st.lists(st.lists(value, min_size=width, max_size=width), min_size=1, max_size=4))
    order = draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=12))
    labelled = draw(st.lists(st.integers(0, len(order) - 1), unique=True))
    return np.array(rows, draw(st.sampled_from(["float32", "float64"])))[order], labelled


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("name", tl.queries.NAMES)
@some(40)
@given(pools(), st.integers(1, 15), st.integers(0, 9), st.booleans())
def test_a_query_gives_new_places(name, pool, n, seed, known):
    """As many as wanted or left, each once, none labelled; the same for the same seed."""
    features, labelled = pool
    places = np.array(labelled, int)
    shares = np.random.default_rng(seed).dirichlet(np.ones(3), len(features)) if known else None

    def ask():
        rng = np.random.default_rng(seed)
        return getattr(tl.queries, name)(features, places, shares, n, rng).tolist()

    found = ask()
    assert len(set(found)) == len(found) == min(n, len(features) - len(labelled))
    assert not set(found) & set(labelled)
    assert set(found) <= set(range(len(features)))
    assert ask() == found
    broken = features.copy()
    broken[found[-1:] or 0] = np.nan
    if name == "typical":
        with pytest.raises(ValueError, match="not finite"):
            tl.queries.typical(broken, places, None, n, np.random.default_rng(seed))


POINTS = st.lists(
    st.tuples(st.integers(1, 10**6), st.floats(0, 1)),
    min_size=3,
    max_size=8,
    unique_by=itemgetter(0),
)


@some(150)
@given(POINTS, st.integers(1, 10_000), st.floats(1, 1e9), st.floats(0.01, 0.99))
@example([(20, 0.9), (40, 0.5), (80, 0.25)], 100, 1.0, 0.8)
def test_a_forecast_is_a_share(points, samples, n, level):
    """Errors, what is bought, and their intervals lie within [0, 1]; more labels never cost."""
    labels, errors = zip(*points, strict=True)
    curve = tl.LearningCurve(labels, errors, samples, draws=20)
    for found in (curve.error(n, level), curve.buys(n, 100, level)):
        assert 0 <= found.low <= found.high <= 1
        assert 0 <= found.value <= 1
    assert curve.error(2 * n).value <= curve.error(n).value
    target(curve.a + curve.b)
