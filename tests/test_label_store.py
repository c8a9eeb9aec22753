import csv
import errno
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from tlhelpers import LabelStore
from tlhelpers.labels import label_rows

KEY = LabelStore.key


@pytest.fixture
def store(tmp_path):
    with LabelStore(tmp_path / "labels.sqlite") as store:
        yield store


def counting(store):
    return {row.item: row.label for row in store}


def run(script, *arguments):
    """Run a script in a Python of its own; its error output is shown when it fails."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_labels_are_there_after_a_restart(tmp_path):
    """All that was said about a label is read back by another store."""
    path = tmp_path / "labels.sqlite"
    with LabelStore(path) as store:
        assert store.add("a", "cat", who="ana", confidence=0.5, round=3, model="m1")
    again = LabelStore(str(path))
    (row,) = again
    assert row[:6] == ("a", "cat", "ana", 0.5, 3, "m1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", row.time)
    assert len(again) == 1
    assert repr(again) == "LabelStore('labels.sqlite', 1 items with a label)"
    assert list(again.table().columns) == list(label_rows.Label._fields)
    assert again._file.read("PRAGMA journal_mode") == [("wal",)]
    assert again._file.read("PRAGMA synchronous") == [(2,)]  # FULL


def test_key_is_the_content():
    """Equal pictures have equal keys, in any memory layout; other shapes and types have others."""
    image = np.arange(12, dtype="float32").reshape(2, 2, 3)
    assert KEY(image) == KEY(np.asfortranarray(image)) == KEY(image.copy())
    others = [image.reshape(4, 3), image.astype("float64"), image + 1, "text", "other text", ""]
    assert len({KEY(image), *map(KEY, others)}) == 7
    assert re.fullmatch("[0-9a-f]{32}", KEY(image))
    for wrong in (None, [object()], {"a": 1}):
        with pytest.raises(TypeError, match="an array of numbers or a text is expected"):
            KEY(wrong)


def test_the_same_label_twice_is_one_row(store):
    """Adding again what counts already does nothing, whatever round it is."""
    assert store.add("a", "cat")
    assert not store.add("a", "cat")
    assert not store.add("a", "cat", round=1, model="m1")
    assert len(store.history()) == 1
    assert store.add("a", "cat", who="oracle")  # someone else says so as well
    assert store.add("b", "dog", who="model", model="m1")
    assert not store.add("b", "dog", who="model", model="m1", confidence=0.9)
    assert store.add("b", "dog", who="model", model="m2")  # another model
    assert len(store) == 2


def test_corrections_are_history(store):
    """The latest label counts, also when it is the first one again; nothing is overwritten."""
    for label in ("cat", "dog", "cat"):
        assert store.add("a", label)
    assert counting(store) == {"a": "cat"}
    assert [row.label for row in store.history("a")] == ["cat", "dog", "cat"]
    store.add("a", "dog", who="ana")
    assert counting(store) == {"a": "dog"}
    assert store.add("a", "cat")  # the person insists: this is no repetition
    assert counting(store) == {"a": "cat"}


def test_a_person_counts_before_a_model(store):
    """A model's later label never replaces a person's, nor a person's skip."""
    store.add("a", "dog", who="model", confidence=0.99)
    assert counting(store) == {"a": "dog"}
    store.add("a", "cat")
    store.add("a", "dog", who="model", confidence=0.999)
    store.add("b", None)
    store.add("b", "dog", who="model")
    assert counting(store) == {"a": "cat", "b": None}
    assert len(store) == 1


def test_withdrawn_labels_stop_counting(store):
    """Taking back steps back one label at a time, each of its own author; rows stay."""
    for label in ("cat", "dog"):
        store.add("a", label)
    store.add("a", "owl", who="model")
    assert store.withdraw("a")
    assert counting(store) == {"a": "cat"}
    assert store.withdraw("a")
    assert counting(store) == {"a": "owl"}
    assert not store.withdraw("a")
    assert not store.withdraw("b")
    assert [bool(row.withdrawn) for row in store.history("a")] == [True, True, False]
    assert store.add("a", "dog")  # after taking back it can be said again
    assert counting(store) == {"a": "dog"}


@pytest.mark.parametrize("clock", ["2001-01-01T00:00:00.000000+00:00", None])
def test_a_clock_that_goes_back_or_stands_still(store, tmp_path, monkeypatch, clock):
    """The later label counts all the same, and so it does after an export and import."""
    now = label_rows.now()
    store.add("a", "cat")
    monkeypatch.setattr(label_rows, "now", lambda: clock or now)
    store.add("a", "dog")
    store.add("a", "cat")
    store.add("a", "dog")
    store.add("a", "cat")
    assert counting(store) == {"a": "cat"}
    assert [row.label for row in store.history()] == ["cat", "dog", "cat", "dog", "cat"]
    store.export_csv(tmp_path / "labels.csv")
    other = LabelStore(tmp_path / "other.sqlite")
    assert other.import_csv(tmp_path / "labels.csv") == 5
    assert list(other) == list(store)


def test_counts_by_class_and_round(store):
    """Only what counts is counted, not history and not skips."""
    store.add_many([("a", "cat"), ("b", "dog"), ("c", None), ("d", "dog", "person", None, 1)])
    store.add("a", "dog")
    counts = store.counts()
    assert counts.to_dict() == {0: {"dog": 2}, 1: {"dog": 1}}
    assert (counts.index.name, counts.columns.name) == ("label", "round")


def test_counts_of_an_empty_store(store):
    """An empty store has empty tables."""
    assert store.counts().empty
    assert store.table().empty
    assert list(store) == []


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ((5, "cat"), TypeError, "item is 5; a key is expected, as made by store.key"),
        (("", "cat"), TypeError, "item is ''"),
        (("a", 3), TypeError, "label is 3; the name of a class .* task.class_names"),
        (("a", ""), TypeError, "label is ''; the name of a class is expected"),
        (("a", "cat", 5), TypeError, "who is 5; 'person', 'oracle'"),
        (("a", "cat", "ana", 1.5), ValueError, "confidence is 1.5; a number from 0 to 1"),
        (("a", "cat", "ana", float("nan")), ValueError, "confidence is nan"),
        (("a", "cat", "ana", "high"), ValueError, "confidence is 'high'"),
        (("a", "cat", "ana", 1, -1), ValueError, "round is -1; a whole number from 0 to"),
        (("a", "cat", "ana", 1, True), TypeError, "round is True"),
        (("a", "cat", "ana", 1, 10**20), ValueError, "round is 100000000000000000000"),
        (("a", "cat", "ana", 1, 0, 7), TypeError, "model is 7; the name of its version"),
        (("a",), ValueError, "A row has 1 values"),
        (
            ("a", "\ud800"),
            ValueError,
            r"'\\ud800' is no text that can be written .*whole characters",
        ),
    ],
)
def test_wrong_rows(store, row, error, message):
    """A wrong row is refused with what is expected, and the good ones beside it are not added."""
    with pytest.raises(error, match=message):
        store.add_many([("z", "cat"), row])
    assert len(store.history()) == 0


def test_numpy_values_are_taken(store):
    """Names, confidences and rounds may come out of NumPy arrays."""
    store.add("a", np.array(["cat"])[0], confidence=np.float32(0.5), round=np.int64(2), who="model")
    (row,) = store
    assert row[:5] == ("a", "cat", "model", 0.5, 2)


# Files


@pytest.mark.parametrize(
    "content", [b"x", b"item,label\n", b"i" * 511, b"i" * 512, b"\x89PNG" + bytes(5000)]
)
def test_other_files_are_refused(tmp_path, content):
    """A file that is no store is refused and stays as it was, to the byte."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not a store of labels\. Give another name"):
        LabelStore(path)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("script", ["CREATE TABLE labels (x)", "PRAGMA user_version = 1"])
def test_databases_of_others_are_refused(tmp_path, script):
    """A database of another program is refused, even with a table of the same name."""
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.executescript(script)
    other.close()
    before = path.read_bytes()
    with pytest.raises(ValueError, match="a database of another program"):
        LabelStore(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(tmp_path):
    """There is nothing to lose in an empty file."""
    path = tmp_path / "empty"
    path.touch()
    assert LabelStore(path).add("a", "cat")


def test_folders_and_missing_folders(tmp_path):
    """A folder is no file; a missing folder is not made silently."""
    with pytest.raises(IsADirectoryError, match="is a folder; the name of a file in it"):
        LabelStore(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*missing.* on Colab mount"):
        LabelStore(tmp_path / "missing" / "labels.sqlite")


def test_newer_stores_are_refused(tmp_path):
    """A store of a form that is not known yet is left alone."""
    path = tmp_path / "new.sqlite"
    LabelStore(path).close()
    new = sqlite3.connect(path)
    new.executescript("PRAGMA user_version = 99;")
    new.close()
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"another version .*form 99; .* knows form 2"):
        LabelStore(path)
    assert path.read_bytes() == before


def test_a_damaged_store(tmp_path):
    """Damage is reported, with what to do; nothing is written over it."""
    path = tmp_path / "labels.sqlite"
    with LabelStore(path) as store:
        store.add_many([(f"item{i}", "cat") for i in range(2000)])
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"is damaged .*\.recover"):
        len(LabelStore(path))


def test_damage_is_found_on_opening(tmp_path):
    """A page that was lost is noticed before anything is read or written."""
    path = tmp_path / "labels.sqlite"
    with LabelStore(path) as store:
        store.add_many([(f"item{i}", "cat") for i in range(2000)])
    data = bytearray(path.read_bytes())
    data[8 * 4096 : 9 * 4096] = bytes(4096)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"is damaged .*\.recover"):
        LabelStore(path)
    assert path.read_bytes() == data


def test_a_text_that_is_none_any_more(tmp_path):
    """A flipped bit that SQLite does not see is an error where the text cannot be read."""
    path = tmp_path / "labels.sqlite"
    with LabelStore(path) as store:
        store.add("a", "rarely seen")
    path.write_bytes(path.read_bytes().replace(b"rarely seen", b"rarely\xa0seen"))
    with pytest.raises(ValueError, match=r"is damaged \(Could not decode"):
        list(LabelStore(path))


OLDER = """
    CREATE TABLE labels (id INTEGER PRIMARY KEY, item TEXT NOT NULL, label TEXT, who TEXT NOT NULL,
        confidence REAL, round INTEGER NOT NULL, model TEXT, time TEXT NOT NULL, withdrawn TEXT);
    CREATE INDEX by_item ON labels (item);
    PRAGMA application_id = 1414286419;
    PRAGMA user_version = 2;
"""
INSERTED = "INSERT INTO labels (item, label, who, round, time) VALUES (?, ?, ?, ?, ?)"
WITHDRAWN = "UPDATE labels SET withdrawn = '2026-02-01' WHERE item = ? AND label = ?"


def by_an_older_version(path):
    """Write a store as an older version did, and return a connection such as it opens."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(OLDER)
    rows = [("a", "cat", "ana", 0), ("b", "dog", "ana", 0), ("a", "dog", "person", 1)]
    rows += [("c", "owl", "ana", 1), ("b", "owl", "model", 1), ("d", None, "ana", 1)]
    for day, row in enumerate(rows):
        connection.execute(INSERTED, (*row, f"2026-01-{day + 10}T12:00:00.000000+00:00"))
    connection.execute(WITHDRAWN, ("c", "owl"))
    return connection


def all_that_counts(store):
    counts = store.counts()
    counted = {(label, n): int(counts.at[label, n]) for label in counts.index for n in counts}
    return counting(store), len(store), {key: n for key, n in counted.items() if n}


EXPECTED = {"a": "dog", "b": "dog", "d": None}, 2, {("dog", 0): 1, ("dog", 1): 1}


def test_a_store_of_an_older_version(tmp_path):
    """It opens without loss, and both versions may go on writing to it at the same time."""
    path = tmp_path / "labels.sqlite"
    older = by_an_older_version(path)
    before = older.execute("SELECT * FROM labels").fetchall()
    store = LabelStore(path)
    assert older.execute("SELECT * FROM labels").fetchall() == before
    assert all_that_counts(store) == EXPECTED
    known = max(change.change for change in store.changes())
    older.execute(INSERTED, ("c", "cat", "person", 2, "2026-03-01T12:00:00.000000+00:00"))
    older.execute(WITHDRAWN, ("b", "dog"))
    expected = {"a": "dog", "b": "owl", "d": None, "c": "cat"}
    counts = {("dog", 1): 1, ("owl", 1): 1, ("cat", 2): 1}
    assert all_that_counts(store) == (expected, 3, counts)
    assert {row.item: row.label for row in store.changes(known)} == {"c": "cat", "b": "owl"}
    store.add("c", "dog")
    assert older.execute("SELECT count(*) FROM labels").fetchone() == (8,)
    assert older.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    older.close()


def test_an_older_store_that_cannot_be_brought_up_to_date(tmp_path):
    """Then what counts is looked up among all labels: slower, and the same."""
    path = tmp_path / "labels.sqlite"
    older = by_an_older_version(path)
    older.execute("CREATE TABLE tally (x)")  # of somebody else
    older.close()
    with LabelStore(path) as store:
        assert all_that_counts(store) == EXPECTED
        assert len(store.changes(10**9)) == 4
        store.add("c", "cat")
        assert counting(store) == EXPECTED[0] | {"c": "cat"}


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX systems")
def test_an_older_store_that_may_only_be_read(public):
    """All of it is read, and the file stays as it was."""
    path = public / "labels.sqlite"
    by_an_older_version(path).close()
    before = path.read_bytes()
    script = f"""{AS_NOBODY}
    store = LabelStore(path)
    print({{row.item: row.label for row in store}}, len(store), store.counts().to_dict())
    """
    os.chmod(path, 0o444)
    os.chmod(public, 0o555)
    try:
        out = run(script, path)
    finally:
        os.chmod(public, 0o755)
    counts = {0: {"dog": 1}, 1: {"dog": 1}}
    assert out == f"{EXPECTED[0]} {EXPECTED[1]} {counts}\n"
    assert path.read_bytes() == before


def test_changes(store):
    """Each item that was written to since a change comes once, with what counts of it now."""
    store.add_many([("a", "cat"), ("b", "dog", "model"), ("a", "dog", "ana", None, 3)])
    first = {change.item: change[2:] for change in store.changes()}
    assert first == {"a": ("dog", "ana", 3, 1), "b": ("dog", "model", 0, 2)}
    known = max(change.change for change in store.changes())
    assert store.changes(known) == []
    assert not store.add("a", "dog", who="ana")
    assert store.changes(known) == []
    with LabelStore(store.path) as other:
        other.withdraw("a", "ana")
        other.withdraw("a")
    ((_, item, *rest),) = store.changes(known)
    assert (item, rest) == ("a", [None, None, -1, -1])


@pytest.mark.skipif(os.name == "nt", reason="Windows does not move files that are open")
def test_a_file_that_is_moved_away(store):
    """Labels are never acknowledged into a file that nobody can find again."""
    store.add("a", "cat")
    away = store.path.with_name("away")
    store.path.rename(away)
    with pytest.raises(FileNotFoundError, match="moved, deleted or replaced while it was in use"):
        store.add("b", "dog")
    store.path.touch()
    with pytest.raises(FileNotFoundError, match="replaced"):
        store.add("b", "dog")
    store.path.unlink()
    away.rename(store.path)
    assert store.add("b", "dog")
    store.close()
    store.path.rename(away)
    with pytest.raises(FileNotFoundError, match="is gone"):
        store.add("c", "owl")
    assert counting(LabelStore(away)) == {"a": "cat", "b": "dog"}


@pytest.mark.skipif(os.name == "nt", reason="Windows does not copy files that are open")
def test_a_copy_of_a_store_in_use(store):
    """The file alone holds every label, even if another program copies it while it is open."""
    store.add("a", "cat")
    copy = store.path.with_name("copy.sqlite")
    subprocess.run(
        [sys.executable, "-c", f"import shutil; shutil.copy({str(store.path)!r}, {str(copy)!r})"],
        check=True,
    )
    assert counting(LabelStore(copy)) == {"a": "cat"}


def test_one_file_after_closing(store):
    """After close everything stands in the file itself; the store can be used again."""
    store.add("a", "cat")
    store.close()
    assert os.listdir(store.path.parent) == [store.path.name]
    assert counting(store) == {"a": "cat"}


AS_NOBODY = """
    import os, sys
    import urllib.parse  # now: later Python's own files may be out of reach
    from tlhelpers.labels.label_store import LabelStore
    if os.geteuid() == 0:
        os.setuid(65534)  # root may write anywhere
    path = sys.argv[1]
"""


@pytest.fixture
def public():
    """A folder that every user of the machine can reach."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX systems")
def test_read_only_stores_can_be_read(public):
    """A store in a folder without permission to write is read; writing says why it cannot be."""
    path = public / "labels.sqlite"
    with LabelStore(path) as store:
        store.add("a", "cat")
    before = path.read_bytes()
    script = f"""{AS_NOBODY}
    store = LabelStore(path)
    print([(row.item, row.label) for row in store], len(store.history()))
    for write in (lambda: store.add("b", "dog"), lambda: store.withdraw("a")):
        try:
            write()
        except PermissionError as error:
            print(error.errno, error)
    try:
        LabelStore(path + "2")
    except PermissionError as error:
        print(error)
    """
    os.chmod(path, 0o444)
    os.chmod(public, 0o555)
    try:
        out = run(script, path).splitlines()
    finally:
        os.chmod(public, 0o755)
    assert out[0] == "[('a', 'cat')] 1"
    for line in out[1:3]:
        assert line.startswith(str(errno.EACCES))
        assert "may only be read, so nothing was saved. Copy it" in line
    assert "You may not write to" in out[3]
    assert path.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX systems")
def test_permission_given_and_taken_away(public):
    """Labels saved before stay; the next one is refused with the reason."""
    path = public / "labels.sqlite"
    LabelStore(path).close()
    os.chmod(path, 0o666)
    os.chmod(public, 0o777)
    script = f"""{AS_NOBODY}
    LabelStore(path).add("a", "cat")
    print(LabelStore(path).add("b", "dog"))
    """
    assert run(script, path) == "True\n"
    os.chmod(path, 0o444)
    script = f"""{AS_NOBODY}
    try:
        LabelStore(path).add("c", "dog")
    except PermissionError as error:
        print(error)
    """
    assert "nothing was saved" in run(script, path)
    assert counting(LabelStore(path)) == {"a": "cat", "b": "dog"}


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX systems")
def test_a_reader_sees_what_others_write(public):
    """A store that may only be read, through a link too, shows the labels of writers since then."""
    path, link = public / "labels.sqlite", public / "link.sqlite"
    LabelStore(path).close()
    link.symlink_to(path)
    os.chmod(path, 0o644)
    script = f"""{AS_NOBODY}
    store = LabelStore(path)
    for _ in range(3):
        print(len(store), flush=True)
        input()
    """
    os.chmod(public, 0o755)
    command = [sys.executable, "-c", textwrap.dedent(script), str(link)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as reader, LabelStore(path) as writer:
        seen = []
        for number in range(3):
            seen.append(int(reader.stdout.readline()))
            writer.add_many([(f"{number}.{i}", "cat") for i in range(50)])
            if number:  # the first time the file is still open for writing
                writer.close()
            print(file=reader.stdin, flush=True)
        assert reader.wait(timeout=60) == 0
    assert seen == [0, 50, 100]


def test_disk_full(store):
    """A full disk is an error that says so; what was there stays, and later it goes on."""
    store.add("a", "cat")
    (pages,) = store._file.read("PRAGMA page_count")[0]
    store._file.read(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to be full
    with pytest.raises(
        OSError, match=r"is full\. This was not saved; what was saved before is"
    ) as raised:
        store.add_many([(f"item{i}", "x" * 500) for i in range(100)])
    assert raised.value.errno == errno.ENOSPC
    assert counting(store) == {"a": "cat"}
    store._file.read("PRAGMA max_page_count = 1000000")
    assert store.add("b", "dog")
    assert counting(LabelStore(store.path)) == {"a": "cat", "b": "dog"}


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX systems")
@pytest.mark.slow
def test_a_file_that_may_not_grow(tmp_path):
    """The system refuses to write, in the middle of many labels: those acknowledged are there."""
    path = tmp_path / "labels.sqlite"
    script = """
    import resource, signal, sys
    from tlhelpers.labels.label_store import LabelStore
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    store = LabelStore(sys.argv[1])
    kept = 0
    try:
        for kept in range(100_000):
            store.add(f"item{kept}", "cat")
    except OSError as error:
        print(kept, type(error).__name__, error)
    """
    kept, message = run(script, path).split(" ", 1)
    assert "This was not saved; what was saved before is still there" in message
    assert int(kept) > 10
    assert set(counting(LabelStore(path))) == {f"item{i}" for i in range(int(kept))}


# Several writers, and writers that die


WRITER = """
    import sys
    from tlhelpers.labels.label_store import LabelStore
    path, who = sys.argv[1:3]
    for turn in range(20):
        with LabelStore(path) as store:
            for number in range(5):
                assert store.add(f"{who}.{turn}.{number}", "cat", who=who)
"""


def written_by_two(path, first, second="second"):
    """Run two scripts on one store at the same time; all labels of both must be there."""
    command = [sys.executable, "-c"]
    scripts = [(first, "first"), (WRITER, second)]
    writers = [
        subprocess.Popen([*command, textwrap.dedent(script), str(path), who])
        for script, who in scripts
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    store = LabelStore(path)
    assert store._file.read("PRAGMA integrity_check") == [("ok",)]
    return {row.item for row in store}


def test_a_store_opened_twice_in_one_process(tmp_path):
    """A second store on the same file takes no lock away from the first, whatever others do."""
    script = """
    import sys
    from tlhelpers.labels.label_store import LabelStore
    path, who = sys.argv[1:3]
    store = LabelStore(path)
    for number in range(100):
        again = LabelStore(path)  # as when a cell of a notebook is run again
        assert store.add(f"{who}.{number}", "cat", who=who)
    """
    found = written_by_two(tmp_path / "labels.sqlite", script)
    assert found >= {f"first.{number}" for number in range(100)}
    assert len(found) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_writers_on_both_sides_of_a_fork(tmp_path):
    """Parent and child, forked while the store was open, write and close it, and lose nothing."""
    script = """
    import os, sys, time
    from tlhelpers.labels.label_store import LabelStore
    path, who = sys.argv[1:3]
    store = LabelStore(path)
    child = os.fork()
    who += ".child" if child == 0 else ""
    for number in range(100):
        assert store.add(f"{who}.{number}", "cat", who=who)
        if number % 10 == 5:
            store.close()
    if child:
        assert os.waitpid(child, 0)[1] == 0
    """
    found = written_by_two(tmp_path / "labels.sqlite", script)
    assert found >= {f"{who}.{number}" for who in ("first", "first.child") for number in range(100)}
    assert len(found) == 300


def test_interrupted_while_waiting_for_another_writer(store):
    """The store can be used again after the kernel was interrupted."""
    real = store._file._connection

    class Interrupted:
        def __getattr__(self, name):
            return getattr(real, name)

        def execute(self, statement, *values):
            done = real.execute(statement, *values)
            if statement.startswith("BEGIN"):
                raise KeyboardInterrupt
            return done

    store._file._connection = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        store.add("a", "cat")
    store._file._connection = real
    assert store.add("a", "cat")
    assert LabelStore(store.path).add("b", "dog")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_nothing_acknowledged_is_lost(tmp_path):
    """A writer is killed 100 times at random moments: every label it acknowledged is there."""
    script = """
    import os, random, signal, sys, time
    from tlhelpers.labels.label_store import LabelStore
    path, rng, kept = sys.argv[1], random.Random(0), {}
    middle = 0
    for turn in range(100):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            store = LabelStore(path)
            for number in range(1_000_000):
                label = f"{turn}.{number}"
                store.add(f"item{number % 7}.{turn % 3}", label)
                os.write(write, f"{number % 7}.{turn % 3} {label}\\n".encode())
        os.close(write)
        with os.fdopen(read) as pipe:
            said = []
            if turn % 10:  # the others are killed before they write
                said = [pipe.readline() for _ in range(rng.randint(2, 5))]
            time.sleep(rng.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            said = "".join([*said, pipe.read()]).splitlines()
        middle += len(said) > 1
        for line in said:
            item, label = line.split()
            kept.setdefault(f"item{item}", []).append(label)
        with LabelStore(path) as store:
            history = {item: [row.label for row in store.history(item)] for item in kept}
        for item, labels in kept.items():
            missing = set(labels) - set(history[item])
            assert not missing, (turn, item, missing)
            assert [label for label in history[item] if label in set(labels)] == labels
    assert store._file.read("PRAGMA integrity_check") == [("ok",)]
    print(middle, sum(map(len, kept.values())))
    """
    killed_while_writing, acknowledged = map(int, run(script, tmp_path / "labels.sqlite").split())
    assert killed_while_writing > 50
    assert acknowledged > 200


def test_several_processes_write_at_once(tmp_path):
    """Four processes open a new store at the same moment, ten times, and write; nothing fails."""
    script = """
    import sys, time
    from tlhelpers.labels.label_store import LabelStore
    folder, name = sys.argv[1:3]
    print(flush=True)
    input()  # all start together
    for turn in range(10):
        store = LabelStore(f"{folder}/labels{turn}.sqlite")
        for number in range(10):
            assert store.add(f"{name}.{number}", "cat", who=name)
            store.add("shared", f"{name}.{number}", who=name)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([*command, name], **pipes) for name in "abcd"]
    for writer in writers:
        writer.stdout.readline()
    for writer in writers:
        writer.communicate("\n", timeout=120)
    assert [writer.returncode for writer in writers] == [0] * 4
    for turn in range(10):
        store = LabelStore(tmp_path / f"labels{turn}.sqlite")
        expected = {f"{name}.{number}" for name in "abcd" for number in range(10)}
        assert set(counting(store)) == expected | {"shared"}
        assert len(store.history("shared")) == 40


def test_several_threads_write_at_once(store):
    """One store may be used by several threads."""

    def write(name):
        for number in range(50):
            store.add(f"{name}.{number}", "cat")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_writes_too(tmp_path):
    """A store that was open before a fork works on both sides of it."""
    script = """
    import os, sys
    from tlhelpers.labels.label_store import LabelStore
    store = LabelStore(sys.argv[1])
    store.add("before", "cat")
    child = os.fork()
    store.add("child" if child == 0 else "parent", "cat")
    if child:
        assert os.waitpid(child, 0)[1] == 0
        print(sorted(row.item for row in store))
    """
    out = run(script, tmp_path / "labels.sqlite")
    assert out == "['before', 'child', 'parent']\n"


def test_a_store_in_use_by_another_program(store):
    """Waiting for another writer has an end, with the reason."""
    store._file.read("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TimeoutError, match=r"Another program has been writing .* then repeat"):
        store.add("a", "cat")
    assert list(store) == []  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert store.add("a", "cat")


# CSV


def test_csv_round_trip(store, tmp_path):
    """The history goes out and comes in: corrections, skips, what was taken back, any text."""
    store.add("a", 'cat, or dog;\n"quoted"', confidence=0.123456789012345, round=2, model="m,1")
    store.add("a", "perro ñ 犬", who="ana")
    store.add("b", None)
    store.add("c", "cat")
    store.withdraw("c")
    store.export_csv(tmp_path / "labels.csv")
    other = LabelStore(tmp_path / "other.sqlite")
    assert other.import_csv(tmp_path / "labels.csv") == 4
    assert other.history() == store.history()
    assert list(other) == list(store)
    assert other.import_csv(tmp_path / "labels.csv") == 0  # again: nothing new
    assert other.history() == store.history()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


def test_csv_instead_of_the_store(store, tmp_path):
    """The store is never overwritten by its own export; other targets that fail are named."""
    store.add("a", "cat")
    with pytest.raises(ValueError, match="is the store itself; give the CSV file another name"):
        store.export_csv(store.path)
    with pytest.raises(FileNotFoundError, match=r"missing/labels.csv cannot be written"):
        store.export_csv(tmp_path / "missing" / "labels.csv")
    assert store.add("b", "dog")
    assert counting(store) == {"a": "cat", "b": "dog"}


def test_csv_joins_histories(store, tmp_path):
    """What two people said at two machines ends up in the order of the times."""
    other = LabelStore(tmp_path / "other.sqlite")
    store.add("a", "first")
    other.add("a", "second")
    store.add("a", "third")
    other.add("b", "mine")
    store.export_csv(tmp_path / "one.csv")
    other.import_csv(tmp_path / "one.csv")
    assert [row.label for row in other.history("a")] == ["first", "second", "third"]
    assert counting(other) == {"a": "third", "b": "mine"}
    store.withdraw("a")
    store.export_csv(tmp_path / "one.csv")
    assert other.import_csv(tmp_path / "one.csv") == 0
    assert counting(other) == {"a": "second", "b": "mine"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_with_item_and_label_only(store, tmp_path, separator):
    """Two columns are enough, as spreadsheets write them; what is not filled in is left out."""
    path = tmp_path / "labels.csv"
    store.add("b", "dog")
    text = "\ufeffsep=;\r\n" if separator == ";" else ""
    text += "item;label;note;round;confidence\r\na;cat;x;1.0;0,5\r\nb;;;;\r\n;;;;\r\n"
    path.write_bytes(text.replace(";", separator).replace("0,5", "0.5").encode())
    assert store.import_csv(path) == 1
    assert counting(store) == {"b": "dog", "a": "cat"}
    (row,) = store.history("a")
    assert (row.round, row.confidence) == (1, 0.5)
    assert store.import_csv(path) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"has the columns \(none\); it also needs item and label"),
        ("item,class\na,cat\n", "has the columns item, class; it also needs label"),
        ("item,label\na,cat\n,dog\n", "line 3: item is None; a key is expected"),
        ("item,label,round\na,cat,first\n", "line 2: round is 'first'; a whole number"),
        ("item,label,round\na,cat,1.5\n", "line 2: round is 1.5; a whole number"),
        ("item,label,confidence\na,cat,high\n", "line 2: confidence is 'high'; a number from"),
        ("item,label,confidence\na,cat,2\n", "line 2: confidence is 2; a number from 0 to 1"),
        ("item,label\na,cat\nb\n", "line 3: it has more or fewer fields than the first line"),
        ("item,label\na,cat,x\n", "line 2: it has more or fewer fields"),
        ("item,label,time\na,cat,31/01/2026\n", "line 2: time is '31/01/2026'; a form such as"),
        ("item,label,withdrawn\na,cat,2026-01-31\n", "line 2: it was withdrawn, but has no time"),
        (b"item,label\na,\xff\n", "is not text in UTF-8 .*Save it as 'CSV UTF-8'"),
        ('item,label\na,"cat\n', "cannot be read as CSV .unexpected end of data"),
        ("item,label,time\na,cat,9999-12-31T23:59:59-01:00\n", "line 2: time is '9999-12-31T23"),
        ("item,label,time\na,cat,0001-01-01T00:00:00+01:00\n", "line 2: time is '0001-01-01T00"),
    ],
)
def test_wrong_csv(store, tmp_path, content, message):
    """A wrong file says which line is wrong; nothing of it is added."""
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as raised:
        store.import_csv(path)
    assert "Nothing was added" in str(raised.value)
    assert store.history() == []


def test_times_of_other_zones(store, tmp_path):
    """Times come in any zone, and sort in UTC; without a zone they are taken as UTC."""
    path = tmp_path / "labels.csv"
    path.write_text(
        "item,label,time\na,late,2026-01-31T12:00:00+00:00\na,early,2026-01-31T12:30:00+02:00\n"
        "a,earliest,2026-01-31 09:00\n"
    )
    store.import_csv(path)
    assert [row.label for row in store.history()] == ["earliest", "early", "late"]


@pytest.mark.parametrize("begin", [*"=+-@\t\r\n＝＋－＠", " =", "\ufeff=", "\x00=", "'=", "''@"])
def test_csv_is_safe_in_a_spreadsheet(store, tmp_path, begin):
    """No field begins as a formula does, and each comes back as it was."""
    text = f"{begin}HYPERLINK(A1)"
    store.add(text, text, who=text, model=text)
    store.add("a", "'tis")
    store.export_csv(tmp_path / "labels.csv")
    with open(tmp_path / "labels.csv", newline="", encoding="utf-8") as file:
        (_, row, other) = csv.reader(file)
    assert [field for field in row if "HYPERLINK" in field] == [f"'{text}"] * 4
    assert other[1] == "'tis"
    again = LabelStore(tmp_path / "again.sqlite")
    assert again.import_csv(tmp_path / "labels.csv") == 2
    assert again.history() == store.history()


def test_csv_of_older_versions(store, tmp_path):
    """What was written without apostrophes is read as it stands there."""
    (tmp_path / "labels.csv").write_text("item,label\na,=1\nb,'tis\nc,-\n")
    store.import_csv(tmp_path / "labels.csv")
    assert counting(store) == {"a": "=1", "b": "'tis", "c": "-"}


def test_long_labels_and_late_dates_come_back(store, tmp_path):
    """A label of 200,000 characters and a time of the year 9999 go out and come in."""
    limit = csv.field_size_limit()
    late = "9999-12-31T23:59:59.999998+00:00"
    store.add("a", "x" * 200_000)
    (tmp_path / "late.csv").write_text(f"item,label,time\nb,cat,{late}\n")
    store.import_csv(tmp_path / "late.csv")
    store.add("b", "dog")
    store.export_csv(tmp_path / "labels.csv")
    again = LabelStore(tmp_path / "again.sqlite")
    again.import_csv(tmp_path / "labels.csv")
    assert again.history() == store.history()
    assert counting(again) == {"a": "x" * 200_000, "b": "dog"}
    assert csv.field_size_limit() == limit
    with pytest.raises(ValueError, match=r"none can be later\. Nothing was saved\. Export the"):
        again.add("b", "owl")
