import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import tlhelpers as tl

NAMES = ("cat", "dog", "owl")


@pytest.fixture
def pool():
    """60 pictures of 4 x 4 with features that tell three classes apart, and their true labels."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(60) % 3)
    images = rng.random((60, 4, 4, 3), np.float32)
    features = np.eye(3, 8)[labels] * 2 + rng.normal(0, 0.4, (60, 8))
    return images, features.astype("float32"), labels


@pytest.fixture
def store(tmp_path):
    with tl.LabelStore(tmp_path / "labels.sqlite") as store:
        yield store


def answer_all(run, labels, rounds):
    for number in range(rounds):
        assert run.round == number
        for position in run.ask():
            run.answer(position, NAMES[labels[position]], who="oracle")


def test_rounds(store, pool):
    """Each round asks for new examples; the probe learns, and asks by what it has learnt."""
    images, features, labels = pool
    run = tl.AccumulationRun(store, images, features, NAMES, round_size=(6, 6, 10))
    assert run.predict() is None
    answer_all(run, labels, rounds=4)
    positions, found = run.labelled()
    assert len(set(positions)) == 6 + 6 + 10 + 10
    assert np.array_equal(found, labels[positions])
    assert len(run.labelled(before=2)[0]) == 12
    assert store.counts().sum().to_dict() == {0: 6, 1: 6, 2: 10, 3: 10}
    assert {row.model for row in store} == {f"probe on {n} labels" for n in (0, 6, 12, 22)}
    probabilities = run.predict()
    assert probabilities.shape == (60, 3)
    assert probabilities.sum(1) == pytest.approx(1)
    assert np.mean(probabilities.argmax(1) == labels) > 0.9
    plain = LogisticRegression(max_iter=1000).fit(features[positions] / features.std(), found)
    assert probabilities == pytest.approx(plain.predict_proba(features / features.std()))
    # the next query is that of the strategy, on what is known
    rng = np.random.default_rng([0, 4])
    expected = tl.queries.margin(features, positions, probabilities, 10, rng)
    assert np.array_equal(run.ask(), expected)
    assert run.predict(features[:5]) == pytest.approx(probabilities[:5])


@pytest.mark.parametrize(
    "query", ["random", "typical", "margin", "typical then margin", "typical_then_margin"]
)
def test_a_restart_asks_the_same(store, pool, query):
    """After any answer a new run on the same file waits for the same examples in the same order."""
    images, features, labels = pool
    options = {"query": query, "round_size": 5, "seed": 3}
    run = tl.AccumulationRun(store, images, features, NAMES, **options)
    for turn in range(13):
        again = tl.AccumulationRun(tl.LabelStore(store.path), images, features, NAMES, **options)
        assert again.round == run.round == turn // 5
        assert np.array_equal(again.ask(), run.ask())
        assert len(run.ask()) == 5 - turn % 5
        first = run.ask()[0]
        run.answer(first, NAMES[labels[first]] if turn % 4 else None)


def test_a_restart_in_another_process(store, pool, tmp_path):
    """A process that is killed in the middle of a round leaves the rest of that round to ask."""
    images, features, labels = pool
    np.savez(tmp_path / "pool.npz", images=images, features=features, labels=labels)
    script = """
    import os, sys
    import numpy as np
    import tlhelpers as tl
    pool = np.load(sys.argv[1] + "/pool.npz")
    run = tl.AccumulationRun(
        tl.LabelStore(sys.argv[1] + "/labels.sqlite"), pool["images"], pool["features"],
        ("cat", "dog", "owl"), round_size=6)
    for _ in range(8):
        first = run.ask()[0]
        run.answer(first, ("cat", "dog", "owl")[pool["labels"][first]])
    print(*run.ask(), flush=True)
    os.kill(os.getpid(), 9)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    run = tl.AccumulationRun(store, images, features, NAMES, round_size=6)
    assert list(run.ask()) == list(map(int, done.stdout.split()))
    assert (run.round, len(run.ask())) == (1, 4)


def test_skipped_examples_are_not_asked_again(store, pool):
    """A skip is an answer without a label, in this round and later."""
    images, features, labels = pool
    run = tl.AccumulationRun(store, images, features, NAMES, round_size=4)
    first = run.ask()[0]
    run.answer(first, None)
    assert first not in run.ask()
    for position in run.ask():
        run.answer(position, NAMES[labels[position]])
    assert run.round == 1
    assert len(run.labelled()[0]) == 3
    while len(run.ask()):
        assert first not in run.ask()
        run.answer(run.ask()[0], "cat")
    assert len(run.labelled()[0]) == 59


def test_undo(store, pool):
    """The latest answer is taken back, also over the border of a round; the query is as before."""
    images, features, labels = pool
    run = tl.AccumulationRun(store, images, features, NAMES, round_size=3)
    assert run.undo() is None
    answer_all(run, labels, rounds=1)
    assert run.undo() is None  # those were the oracle's
    before = list(run.ask())
    run.answer(before[0], "cat")
    assert list(run.ask()) == before[1:]
    assert run.undo() == before[0]
    assert list(run.ask()) == before
    assert run.round == 1
    for position in before:
        run.answer(position, "cat")
    assert run.round == 2
    assert run.undo() == before[-1]
    assert (run.round, list(run.ask())) == (1, before[-1:])


def test_corrections_and_labels_from_elsewhere(store, pool):
    """Labels that stand in the store already, corrected ones too, are used."""
    images, features, labels = pool
    for position in range(10):
        store.add(store.key(images[position]), NAMES[labels[position]], who="ana")
    store.add(store.key(images[0]), "dog")
    run = tl.AccumulationRun(store, images, features, NAMES, round_size=5)
    positions, found = run.labelled()
    assert list(positions) == list(range(10))
    assert list(found) == [1, *labels[1:10]]
    assert not set(run.ask()) & set(range(10))


def test_a_models_labels_are_not_asked_nor_learnt(store, pool):
    """Pseudo-labels in the store neither train the probe nor keep an example from being asked."""
    images, features, _ = pool
    run = tl.AccumulationRun(store, images, features, NAMES, round_size=5)
    before = list(run.ask())
    store.add(store.key(images[before[0]]), "cat", who="model", confidence=0.9)
    assert list(run.ask()) == before
    assert len(run.labelled()[0]) == 0


def test_equal_pictures_are_labelled_together(store, pool):
    """A picture that stands twice in the pool is asked once."""
    images, features, _ = pool
    images, features = np.concatenate([images[:6]] * 2), np.concatenate([features[:6]] * 2)
    run = tl.AccumulationRun(store, images, features, NAMES, round_size=4)
    asked = 0
    while len(run.ask()):
        asked += 1
        run.answer(run.ask()[0], NAMES[asked % 3])
    assert asked == 6
    assert sorted(run.labelled()[0]) == list(range(12))


def test_repeated_pictures_do_not_use_up_a_round(store, pool):
    """A round asks for as many different pictures as its size, however often one stands there."""
    images, features, _ = pool
    images = np.concatenate([images, np.repeat(images[:1], 20, axis=0)])
    features = np.concatenate([features, np.repeat(features[:1], 20, axis=0)])
    run = tl.AccumulationRun(store, images, features, NAMES, query="random", round_size=10)
    store.add(store.key(images[0]), "cat")
    answered = 0
    while run.round == 0:
        answered += run.answer(run.ask()[0], NAMES[answered % 3])
    assert answered in (9, 10)  # with the one that was there, or beside it


def test_a_correction_in_a_later_round(store, pool):
    """It stays in the round of its first answer, and changes nothing else that is due."""
    images, features, labels = pool
    run = tl.AccumulationRun(store, images, features, NAMES, round_size=6, query="random")
    answer_all(run, labels, rounds=2)
    run.answer(run.ask()[0], "cat")
    waiting, counts = list(run.ask()), store.counts().sum().to_dict()
    first = run.labelled()[0][0]
    assert run.answer(first, NAMES[(labels[first] + 1) % 3])
    assert list(run.ask()) == waiting
    assert store.counts().sum().to_dict() == counts == {0: 6, 1: 6, 2: 1}
    assert run.undo() == first
    assert run.labelled()[1][0] == labels[first]


def test_each_query_is_asked_once(store, pool):
    """The strategy is called once a round, not at each answer."""
    images, features, labels = pool
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return tl.queries.random(*arguments)

    run = tl.AccumulationRun(store, images, features, NAMES, round_size=5, query=counted)
    for _ in range(23):
        first = run.ask()[0]
        run.answer(first, NAMES[labels[first]])
    run.ask()
    assert len(calls) == 5


def test_labels_of_other_pictures_are_noticed(store, pool):
    """The same pictures in another type of number are others; the run says that none is known."""
    images, features, _ = pool
    store.add(store.key(images[0]), "cat")
    with pytest.warns(UserWarning, match="holds 1 labels, but none of this pool"):
        tl.AccumulationRun(store, images.astype("float64"), features, NAMES)


def test_no_tensorflow(tmp_path):
    """A machine that only labels needs no TensorFlow."""
    code = (
        "import sys, numpy as np, tlhelpers as tl\n"
        f"store = tl.LabelStore({str(tmp_path / 'labels.sqlite')!r})\n"
        "x = np.random.default_rng(0).normal(size=(30, 4))\n"
        "run = tl.AccumulationRun(store, x, x, ('cat', 'dog'))\n"
        "[run.answer(i, ('cat', 'dog')[i % 2]) for i in run.ask()]\n"
        "run.ask(); tl.LearningCurve\n"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_texts(store, pool):
    """The pool may be texts."""
    texts = [f"text {number}" for number in range(60)]
    run = tl.AccumulationRun(store, texts, pool[1], NAMES)
    first = run.ask()[0]
    run.answer(first, "owl")
    assert next(iter(store)).item == store.key(texts[first])


def test_any_strategy_and_any_classifier(store, pool):
    """A function of one's own asks; any classifier of scikit-learn is the probe."""
    images, features, labels = pool
    seen = []

    def last_first(features, labelled, probabilities, n, rng):
        seen.append((features.shape, list(labelled), probabilities, n))
        return np.setdiff1d(np.arange(60), labelled)[::-1][:n]

    neighbour = KNeighborsClassifier(1)
    run = tl.AccumulationRun(
        store, images, features, NAMES, query=last_first, round_size=7, classifier=neighbour
    )
    assert list(run.ask()) == [59, 58, 57, 56, 55, 54, 53]
    answer_all(run, labels, rounds=1)
    assert list(run.ask()) == [52, 51, 50, 49, 48, 47, 46]
    assert set(np.unique(run.predict())) == {0, 1}
    (first, second) = seen
    assert first == ((60, 8), [], None, 7)
    assert second[1] == [59, 58, 57, 56, 55, 54, 53]
    assert second[2].shape == (60, 3)
    assert not hasattr(neighbour, "classes_")  # cloned


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([0, 0, 1], r"bad returned \[0, 0, 1\]; 1 to 4 different positions"),
        ([0, 60], "not labelled yet are expected"),
        ([], "1 to 4 different positions"),
        ([0, 1, 2, 3, 4], "1 to 4 different positions"),
        ([0.5, 1.5], "1 to 4 different positions"),
    ],
)
def test_wrong_strategies(store, pool, answer, message):
    """A strategy that returns no fitting positions is named, with what it returned."""

    def bad(features, labelled, probabilities, n, rng):
        return answer

    run = tl.AccumulationRun(store, *pool[:2], NAMES, query=bad, round_size=4)
    with pytest.raises(ValueError, match=message):
        run.ask()


def test_wrong_answers(store, pool):
    """An unknown class or position is refused, and nothing is kept."""
    run = tl.AccumulationRun(store, *pool[:2], NAMES)
    with pytest.raises(ValueError, match="label is 'cow'; one of 'cat', 'dog', 'owl' is expected"):
        run.answer(0, "cow")
    with pytest.raises(ValueError, match="label is 1; one of 'cat', 'dog', 'owl' is expected"):
        run.answer(0, 1)
    with pytest.raises(ValueError, match="who is 'model', but a model's labels are no answers"):
        run.answer(0, "cat", who="model")
    for position in (60, -1, "0", 1.5):
        with pytest.raises(IndexError, match=r"There is no example .*; 0 to 59 are expected"):
            run.answer(position, "cat")
    assert store.history() == []


def test_names_of_digits_are_quoted(store, pool):
    """A number instead of its name shows how the names are written."""
    run = tl.AccumulationRun(store, *pool[:2], [str(n) for n in range(10)])
    with pytest.raises(ValueError, match=r"label is 7; one of '0', '1', .*'9' is expected"):
        run.answer(0, 7)
    assert run.answer(0, "7")


def test_what_others_write_is_seen(store, pool):
    """Answers, corrections and withdrawals through another store change the run at once."""
    run = tl.AccumulationRun(store, *pool[:2], NAMES, round_size=3)
    asked, keys = list(run.ask()), run.keys
    with tl.LabelStore(store.path) as other:
        other.add(keys[asked[1]], "cat", who="ana")
        assert list(run.ask()) == [asked[0], asked[2]]
        other.add(keys[asked[1]], "owl", who="bob")
        assert [list(found) for found in run.labelled()] == [[asked[1]], [2]]
        other.withdraw(keys[asked[1]], "ana")
        other.withdraw(keys[asked[1]], "bob")
        assert list(run.ask()) == asked
        other.add(keys[asked[1]], "cow")
        with pytest.raises(ValueError, match="labels of other classes: cow"):
            run.ask()
        other.add(keys[asked[1]], "owl")
    assert list(run.ask()) == [asked[0], asked[2]]


def test_a_finished_round_is_not_asked_anew(store, pool):
    """A run that begins after a round calls the strategy for the next one only."""
    images, features, labels = pool
    answer_all(tl.AccumulationRun(store, images, features, NAMES, round_size=5), labels, rounds=1)
    rounds = []

    def counted(features, labelled, probabilities, n, rng):
        rounds.append(len(labelled))
        return tl.queries.random(features, labelled, probabilities, n, rng)

    tl.AccumulationRun(store, images, features, NAMES, round_size=5, query=counted).ask()
    assert rounds == [5]


def test_a_store_of_another_task(store, pool):
    """Labels of other classes on the same pictures are refused, with their names."""
    images, features, _ = pool
    store.add(store.key(images[3]), "seven")
    with pytest.raises(ValueError, match=r"labels of other classes: seven.*Use another store"):
        tl.AccumulationRun(store, images, features, NAMES)
    store.add(store.key(images[3]), "owl")
    assert len(tl.AccumulationRun(store, images, features, NAMES).labelled()[0]) == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"items": np.zeros((5, 4))}, ValueError, "5 items, 60 feature vectors"),
        ({"features": np.zeros((60, 2, 2))}, ValueError, r"Features have shape \[60, 2, 2\]"),
        ({"features": np.full((60, 2), np.nan)}, ValueError, "finite float numbers"),
        ({"features": np.zeros((60, 2), int)}, ValueError, "type int64; finite float"),
        ({"class_names": "cat"}, ValueError, "class_names are 'cat'; two names or more"),
        ({"class_names": ("cat",)}, ValueError, "two names or more"),
        ({"class_names": ("cat", "cat")}, ValueError, "all different"),
        (
            {"class_names": range(10)},
            TypeError,
            r"class_names are \(0, 1, .*; names are texts, such as \('0', '1'\).*\[str\(n\) for n",
        ),
        (
            {"query": "entropy"},
            ValueError,
            r"'entropy'; one of 'random', .*'typical_then_margin' is expected",
        ),
        ({"query": "__doc__"}, ValueError, "one of"),
        ({"query": 3}, TypeError, "query is 3; a function"),
        ({"round_size": 0}, ValueError, "round_size is 0; a whole number"),
        ({"round_size": ()}, ValueError, "round_size is empty"),
        ({"round_size": (5, 1.5)}, TypeError, "round_size is 1.5; a whole number of at least 1"),
    ],
)
def test_wrong_pools(store, pool, change, error, message):
    """What does not fit together is said when the run is made."""
    given = {"items": pool[0], "features": pool[1], "class_names": NAMES} | change
    with pytest.raises(error, match=message):
        tl.AccumulationRun(store, **given)
