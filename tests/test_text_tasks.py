"""Promises of the tasks made of texts."""

import csv
import hashlib
import inspect
import re
import warnings

import numpy as np
import pytest
from loopback import Server, file, status
from scipy.spatial.distance import minkowski

import tlhelpers as tl
from tlhelpers.tasks import text_tasks

SPLITS = ("train", "validation", "test")
MINKOWSKI = text_tasks._summary(minkowski, "minkowski")


@pytest.fixture(scope="module")
def scipy_task():
    return tl.load_task("scipy")


def every(task):
    return [text for name in SPLITS for text in getattr(task, name).texts]


def test_scipy_has_topics_and_texts_enough(scipy_task):
    """Ten topics at least, a thousand texts, and ten of each topic to learn from."""
    assert len(scipy_task.class_names) >= 10
    assert len(every(scipy_task)) > 1000
    assert np.bincount(scipy_task.train.labels).min() >= 8
    for name in SPLITS:
        assert set(getattr(scipy_task, name).labels) == set(range(len(scipy_task.class_names)))


def test_scipy_texts_do_not_name_their_topic(scipy_task):
    """No name of a sub-package, no mark-up, no text twice, three words at least."""
    found = every(scipy_task)
    names = re.compile(rf"\b({'|'.join(scipy_task.class_names)})\w*\b", re.IGNORECASE)
    assert [text for text in found if names.search(text)] == []
    assert [text for text in found if re.search(r":\w+:|`|\[\d\]_", text)] == []
    assert len(set(found)) == len(found)
    assert min(len(text.split()) for text in found) >= 3


def test_scipy_texts_come_from_the_installed_package(scipy_task):
    """The first sentence of a docstring, without the word that gives the topic away."""
    beginning = " ".join(inspect.getdoc(minkowski).split())
    assert beginning.startswith(MINKOWSKI)
    assert "Minkowski" in MINKOWSKI
    assert MINKOWSKI in every(scipy_task)
    assert not any("Compute the one-dimensional discrete Fourier" in t for t in every(scipy_task))


def test_splits_are_disjoint_and_fixed(scipy_task):
    """Sides are drawn by a hash of the name: a text stays where it is in other versions."""
    again = tl.load_task("scipy")
    for name in SPLITS:
        assert (getattr(again, name).texts == getattr(scipy_task, name).texts).all()
    where = {text: name for name in SPLITS for text in getattr(scipy_task, name).texts}
    digest = int(hashlib.sha256(b"spatial.minkowski").hexdigest(), 16) % 10
    expected = "train" if digest < 4 else "validation" if digest < 7 else "test"
    assert where[MINKOWSKI] == expected


def test_few_and_take(scipy_task):
    """Draws as of pictures: nested, balanced, texts with their labels."""
    few, more = scipy_task.few(2, seed=1), scipy_task.few(5, seed=1)
    assert set(np.bincount(few.labels)) == {2}
    assert set(few.index) < set(more.index)
    assert repr(few) == f"TextSplit({2 * len(scipy_task.class_names)} texts)"
    with pytest.raises(ValueError, match="The smallest class of 'scipy'"):
        scipy_task.few(1000)
    with pytest.raises(ValueError, match="Labels do not match texts: got 2 texts, 1 labels"):
        tl.TextSplit(np.array(["a", "b"], object), np.zeros(1, int), np.arange(2))


ROWS = [
    ["3", "Oil #39;s price", r"A  rise of \$2 &lt;b&gt;today&lt;/b&gt; &amp; more"],
    ["1", "Talks go on", "Ministers #36;met again."],
    ["2", 'A "final"', "Two teams quot;played quot;."],
    ["4", "New chip", "It is faster, if x &lt; 3 and y &gt; 2."],
] * 3


@pytest.fixture
def news_file(tmp_path):
    path = tmp_path / "usb" / "datasets" / "ag_news" / "test.csv"
    path.parent.mkdir(parents=True)
    with open(path, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(
            [label, f"{title} {i}", text] for i, (label, title, text) in enumerate(ROWS)
        )
    return path


def test_functions_have_names(scipy_task):
    """Each text of SciPy goes with its function, whose topic is the label."""
    for split in (scipy_task.train, scipy_task.validation, scipy_task.few(2, seed=1)):
        topics = [name.split(".")[0] for name in split.names]
        assert topics == [scipy_task.class_names[label] for label in split.labels]
    assert len(set(scipy_task.train.names)) > 0.9 * len(scipy_task.train)  # mstats has twins
    unnamed = tl.TextSplit(np.array(["a", "b"], object), np.zeros(2, int), np.arange(2))
    assert unnamed.take(np.array([1])).names.tolist() == [""]


def test_news_from_a_mirror(news_file, monkeypatch):
    """Title and description in one text, without what broken mark-up left behind."""
    monkeypatch.setenv("TLHELPERS_MIRROR", str(news_file.parents[2]))
    found = sorted(every(tl.load_task("ag_news")))
    assert "Oil's price 0. A rise of $2 today & more" in found
    assert "New chip 3. It is faster, if x < 3 and y > 2." in found
    assert "Talks go on 1. Ministers $met again." in found
    assert len(found) == len(ROWS)


@pytest.mark.parametrize("row", [["5", "a", "b"], ["1", "a"], ["", "", ""]])
def test_a_broken_row_is_named(news_file, monkeypatch, row):
    """Its number, and what was expected."""
    with open(news_file, "a", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerow(row)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(news_file.parents[2]))
    with pytest.raises(ValueError, match=r"line 13: .* a class from 1 to 4, a title"):
        tl.load_task("ag_news")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds 0 articles"),
        (b'"1","title","cut in the mid', "after line 1: not a table of news"),
        ("3,Münze,fällt\n".encode("latin-1") * 12, "not a table of news"),
        (b'1,a,"' + b"x" * 200_000 + b'"', "not a table of news"),
    ],
)
def test_a_broken_file_is_named(news_file, monkeypatch, content, message):
    """Empty, cut off, in another encoding, with a field without end."""
    news_file.write_bytes(content)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(news_file.parents[2]))
    with pytest.raises(ValueError, match=message) as raised:
        tl.load_task("ag_news")
    assert "test.csv" in str(raised.value)


@pytest.fixture
def online(news_file, monkeypatch, tmp_path):
    """A server with the news file, and no mirror."""
    monkeypatch.delenv("TLHELPERS_MIRROR", raising=False)
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path / "cache"))
    content = news_file.read_bytes()
    monkeypatch.setattr(text_tasks, "_NEWS_CHECKSUM", f"md5:{hashlib.md5(content).hexdigest()}")
    with Server(file(content)) as server:
        monkeypatch.setattr(text_tasks, "_NEWS", f"{server.address}/test.csv")
        yield server


def test_news_are_downloaded_once(online):
    """The second call reads the cache."""
    first = every(tl.load_task("ag_news"))
    asked = len(online.requests)
    assert every(tl.load_task("ag_news")) == first
    assert len(online.requests) == asked > 0


def test_other_bytes_are_refused(online, monkeypatch, tmp_path):
    """A wrong checksum: nothing is used, nothing stays, and the next call asks again."""
    right = text_tasks._NEWS_CHECKSUM
    monkeypatch.setattr(text_tasks, "_NEWS_CHECKSUM", "md5:" + "0" * 32)
    with pytest.raises(ValueError, match=f"file: MD5 {right[4:]}, expected 000"):
        tl.load_task("ag_news")
    assert not list((tmp_path / "cache").rglob("*.csv"))
    assert not list((tmp_path / "cache").rglob("*.part*"))
    monkeypatch.setattr(text_tasks, "_NEWS_CHECKSUM", right)
    assert len(every(tl.load_task("ag_news"))) == len(ROWS)


def test_news_without_internet(online):
    """One line that says what to do."""
    online.answers[:] = [status(404)]
    with pytest.raises(ConnectionError, match=r"Could not download .* set TLHELPERS_MIRROR to a"):
        tl.load_task("ag_news")


def test_real_news(mirror):
    """With the mirror: 2,000 items in plain words, four topics, splits in their shares."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task = tl.load_task("ag_news")
    found = every(task)
    assert len(found) >= 2000
    assert 0.35 < len(task.train) / len(found) < 0.45
    assert [text for text in found if re.search(r"#\d+;|&(amp|quot|lt|gt);|</?\w", text)] == []
