"""Promises of scanning a folder of pictures."""

import os
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from fuzz import some
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from tlhelpers.images import decode
from tlhelpers.tasks import folder_scan
from tlhelpers.tasks.folder_scan import Found
from tlhelpers.tasks.origins import assign_origins


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture
def tree(tmp_path):
    """Two classes of four pictures."""
    for i, name in enumerate(("cat", "dog")):
        for j in range(4):
            picture(tmp_path / name / f"{j}.png", 10 * i + j)
    return tmp_path


def names(found, folder):
    return ["/".join(one.path.relative_to(folder).parts) for one in found]


def problems(report):
    return dict(zip(report["name"], report["problem"], strict=True))


def test_a_clean_folder(tree):
    """Every picture with its class, in the order of paths, and an empty report."""
    found, report = folder_scan.scan(tree, progress=False)
    assert names(found, tree) == [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(4)]
    assert {one.class_name for one in found} == {"cat", "dog"}
    assert {one.split for one in found} == {None}
    assert report.empty


def test_everything_that_is_wrong_is_in_the_report(tree):
    """By name, with the reason; the rest is used."""
    (tree / "cat" / "empty.jpg").touch()
    (tree / "cat" / "notes.txt").write_text("hello")
    (tree / "dog" / "cut.png").write_bytes((tree / "dog" / "0.png").read_bytes()[:200])
    (tree / "dog" / "copy.png").write_bytes((tree / "dog" / "1.png").read_bytes())
    (tree / "dog" / "wrong.png").write_bytes((tree / "cat" / "1.png").read_bytes())
    picture(tree / "loose.png", 99)
    (tree / "bird").mkdir()
    (tree / ".hidden").mkdir()
    picture(tree / ".hidden" / "0.png", 98)
    (tree / "cat" / "gone.png").symlink_to(tree / "nothing.png")
    found, report = folder_scan.scan(tree, progress=False)
    assert len(found) == 7
    said = problems(report)
    assert said["cat/empty.jpg"] == "the file is empty"
    assert said["cat/notes.txt"] == "not a picture that Pillow knows"
    assert said["dog/cut.png"].startswith("broken")
    assert said["dog/copy.png"] == "the same file as dog/1.png"
    assert said["dog/wrong.png"] == "the same file as cat/1.png, of another class"
    assert said["cat/1.png"] == "the same file as dog/wrong.png, of another class"
    assert said["loose.png"] == "not in the folder of a class"
    assert said["bird"] == "no picture of this class"
    assert said["cat/gone.png"] == "a link to nothing"
    assert set(report["done"]) == {"left out"}
    assert not any("hidden" in name for name in said)


def test_deeper_folders_and_links(tree, tmp_path_factory):
    """Pictures deeper down belong to the class above; links are followed, circles are not."""
    picture(tree / "cat" / "2020" / "May" / "a.png", 50)
    other = tmp_path_factory.mktemp("other")
    picture(other / "b.png", 51)
    (tree / "dog" / "more").symlink_to(other, target_is_directory=True)
    (tree / "dog" / "again").symlink_to(tree, target_is_directory=True)
    found, _ = folder_scan.scan(tree, progress=False)
    used = names(found, tree)
    assert "cat/2020/May/a.png" in used
    assert "dog/more/b.png" in used
    assert len(used) == 10


def test_a_level_of_splits(tree, tmp_path):
    """train, validation (or val) and test; a picture in two of them stays in the later one."""
    root = tmp_path / "split"
    for i, split in enumerate(("train", "val", "test")):
        for j, name in enumerate(("cat", "dog")):
            picture(root / split / name / "a.png", 100 * i + j)
    same = root / "train" / "cat" / "same.png"
    same.write_bytes((root / "test" / "cat" / "a.png").read_bytes())
    found, report = folder_scan.scan(root, progress=False)
    assert {one.split for one in found} == {"train", "validation", "test"}
    assert problems(report) == {"train/cat/same.png": "the same file as test/cat/a.png"}
    assert list(folder_scan.assign(found)) == [one.split for one in found]


def test_a_level_of_splits_without_validation(tmp_path):
    """A fifth of each class of train is taken for it; test stays as it is."""
    for i in range(10):
        for j, name in enumerate(("cat", "dog")):
            picture(tmp_path / "train" / name / f"{i}.png", 20 * j + i)
            picture(tmp_path / "test" / name / f"{i}.png", 100 + 20 * j + i)
    found, _ = folder_scan.scan(tmp_path, progress=False)
    splits = list(folder_scan.assign(found))
    assert splits.count("test") == 20
    assert 2 <= splits.count("validation") <= 10
    assert all(s == "test" for one, s in zip(found, splits, strict=True) if one.split == "test")


def test_classes_of_one_and_two_pictures(tree):
    """One trains, two train and test, and the report says so."""
    picture(tree / "bird" / "a.png", 300)
    for i in range(2):
        picture(tree / "fish" / f"{i}.png", 310 + i)
    found, report = folder_scan.scan(tree, progress=False)
    splits = folder_scan.assign(found)
    of = {
        name: sorted(s for one, s in zip(found, splits, strict=True) if one.class_name == name)
        for name in ("bird", "fish")
    }
    assert of == {"bird": ["train"], "fish": ["test", "train"]}
    assert problems(report) == {
        "bird": "1 picture of this class; 3 fill all splits",
        "fish": "2 pictures of this class; 3 fill all splits",
    }


def test_folders_that_are_none(tree, tmp_path):
    """No folder, no class, one class."""
    with pytest.raises(ValueError, match="is no folder"):
        folder_scan.scan(tree / "nothing")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match=r"pictures of 0 classes \(none\)"):
        folder_scan.scan(tmp_path / "bare", progress=False)
    picture(tmp_path / "one" / "cat" / "a.png", 1)
    with pytest.raises(ValueError, match=r"pictures of 1 classes \(cat\); two at least"):
        folder_scan.scan(tmp_path / "one", progress=False)


def test_splits_follow_what_a_picture_shows(tree):
    """Every class in every split where it can be; another file name changes nothing."""
    for i in range(20):
        picture(tree / "cat" / f"more{i}.png", 200 + i)
    picture(tree / "bird" / "only.png", 300)
    found, _ = folder_scan.scan(tree, progress=False)
    splits = folder_scan.assign(found)
    by = {one.path.name: split for one, split in zip(found, splits, strict=True)}
    cats = [s for one, s in zip(found, splits, strict=True) if one.class_name == "cat"]
    assert all(2 <= cats.count(s) <= 8 for s in ("validation", "test"))
    assert by["only.png"] == "train"
    (tree / "cat" / "more3.png").rename(tree / "cat" / "another name.png")
    again, _ = folder_scan.scan(tree, progress=False)
    renamed = dict(zip([one.path.name for one in again], folder_scan.assign(again), strict=True))
    assert renamed["another name.png"] == by["more3.png"]


def test_pictures_keep_their_split_when_others_come(tmp_path):
    """In a class that fills all splits, nothing moves."""
    for i in range(40):
        picture(tmp_path / "cat" / f"{i}.png", i)
        picture(tmp_path / "dog" / f"{i}.png", 100 + i)
    found, _ = folder_scan.scan(tmp_path, progress=False)
    before = dict(zip([one.path for one in found], folder_scan.assign(found), strict=True))
    for i in range(40, 60):
        picture(tmp_path / "cat" / f"{i}.png", 200 + i)
    found, _ = folder_scan.scan(tmp_path, progress=False)
    after = dict(zip([one.path for one in found], folder_scan.assign(found), strict=True))
    assert {path: after[path] for path in before} == before
    assert set(before.values()) == {"train", "validation", "test"}


@pytest.mark.parametrize("names", [("Train", "Valid", "Test"), ("training", "dev", "testing")])
def test_other_names_of_splits(tmp_path, names):
    """As other tools write them."""
    for i, split in enumerate(names):
        for j, name in enumerate(("cat", "dog")):
            picture(tmp_path / split / name / "a.png", 100 * i + j)
    found, _ = folder_scan.scan(tmp_path, progress=False)
    assert {one.class_name for one in found} == {"cat", "dog"}
    assert {one.split for one in found} == {"train", "validation", "test"}


def test_splits_beside_other_folders_are_refused(tmp_path):
    """They are not taken for classes; and without train there is nothing to learn from."""
    for split in ("train", "test"):
        for j, name in enumerate(("cat", "dog")):
            picture(tmp_path / split / name / "a.png", j)
    picture(tmp_path / "extra" / "a.png", 9)
    with pytest.raises(ValueError, match=r"folders of splits \(test, train\), beside them 'extra'"):
        folder_scan.scan(tmp_path, progress=False)
    (tmp_path / "extra" / "a.png").unlink()
    (tmp_path / "extra").rmdir()
    (tmp_path / "train").rename(tmp_path / "val")
    with pytest.raises(ValueError, match="none of them for training"):
        folder_scan.scan(tmp_path, progress=False)


def test_a_class_called_train_is_a_class(tmp_path):
    """Trains, cars and planes: pictures directly in the folder, so no split."""
    for i, name in enumerate(("train", "car")):
        for j in range(3):
            picture(tmp_path / name / f"{j}.png", 10 * i + j)
    found, _ = folder_scan.scan(tmp_path, progress=False)
    assert {one.class_name for one in found} == {"train", "car"}


def test_a_class_that_only_tests(tmp_path):
    """Nothing could be learnt of it, so it is no class of the task."""
    for i, split in enumerate(("train", "test")):
        for j, name in enumerate(("cat", "dog")):
            picture(tmp_path / split / name / "a.png", 10 * i + j)
    picture(tmp_path / "test" / "bird" / "a.png", 50)
    found, report = folder_scan.scan(tmp_path, progress=False)
    assert {one.class_name for one in found} == {"cat", "dog"}
    assert problems(report)["bird"] == "no picture of this class to train on"


def test_linked_classes_keep_their_pictures(tree):
    """Folders of classes linked to each other: each picture once, in the folder where it stands."""
    (tree / "cat" / "a link").symlink_to(tree / "dog", target_is_directory=True)
    (tree / "dog" / "a link").symlink_to(tree / "cat", target_is_directory=True)
    (tree / "dog" / "back").symlink_to(tree, target_is_directory=True)
    (tree / "dog" / "up").symlink_to(tree.parent, target_is_directory=True)
    (tree / "kitten").symlink_to(tree / "cat", target_is_directory=True)
    found, report = folder_scan.scan(tree, progress=False)
    assert names(found, tree) == [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(4)]
    assert problems(report) == {
        "cat/a link": "the same folder as dog, and looked at there",
        "dog/a link": "the same folder as cat, and looked at there",
        "dog/back": "the same folder as ., and looked at there",
        "dog/up": "a link to a folder above",
        "kitten": "no picture of this class",
    }
    assert list(report["name"]).count("kitten") == 2  # that it is cat's folder, and empty by that


def test_a_folder_outside_belongs_to_the_first_link(tree, tmp_path_factory):
    """Two classes that share it share no pictures; links inside it are looked at as well."""
    outside, further = tmp_path_factory.mktemp("outside"), tmp_path_factory.mktemp("further")
    picture(outside / "a.png", 60)
    picture(further / "b.png", 61)
    (outside / "more").symlink_to(further, target_is_directory=True)
    (outside / "again").symlink_to(outside, target_is_directory=True)
    for name in ("cat", "dog"):
        (tree / name / "shared").symlink_to(outside, target_is_directory=True)
    found, report = folder_scan.scan(tree, progress=False)
    used = names(found, tree)
    assert {"cat/shared/a.png", "cat/shared/more/b.png"} < set(used)
    assert len(used) == 10
    assert problems(report)["dog/shared"] == "the same folder as cat/shared, and looked at there"


@pytest.mark.skipif(os.name == "nt", reason="names are texts there")
def test_names_that_are_no_text_can_be_printed(tree, capsys):
    """Bytes of another encoding, control characters: escaped in report and classes, and used."""
    folder = os.fsencode(tree) + b"/ber\xe9"
    os.mkdir(folder)
    for i in range(3):
        picture(tree / "0.png", 400 + i)
        os.rename(tree / "0.png", folder + b"/caf\xe9%d.png" % i)
    (tree / "cat" / "two\nlines\x1b[2J.png").write_text("hello")
    with open(folder + b"/caf\xe9.txt", "w") as file:
        file.write("hello")
    found, report = folder_scan.scan(tree, progress=False)
    assert [one.name for one in found][:2] == [f"ber\\udce9/caf\\udce9{i}.png" for i in range(2)]
    assert {one.class_name for one in found} == {"ber\\udce9", "cat", "dog"}
    print(report, report.to_csv(), report.to_html(), *found)
    said = capsys.readouterr().out.encode("utf-8").decode()
    assert "caf\\udce9.txt" in said
    assert "two\\nlines\\x1b[2J.png" in said
    assert "\x1b" not in said


def test_a_picture_that_vanishes_is_a_line(tree, monkeypatch):
    """Before it is read, and between reading it and hashing it."""
    real = decode.read_many

    def read_many(paths, size):
        os.remove(tree / "cat" / "0.png")
        for path, picture in zip(paths, real(paths, size), strict=True):
            if path == tree / "dog" / "1.png":
                os.remove(path)
            yield picture

    monkeypatch.setattr(decode, "read_many", read_many)
    found, report = folder_scan.scan(tree, progress=False)
    assert len(found) == 6
    gone = dict.fromkeys(("cat/0.png", "dog/1.png"), "there is no such file")
    assert problems(report) == gone


def test_a_file_of_20_gb_is_a_line(tree):
    """A picture with zeros behind it, which no one could hash in time; pipes and devices too."""
    with (tree / "cat" / "0.png").open("r+b") as file:
        file.truncate(20 * 10**9)
    (tree / "dog" / "zeros.png").symlink_to("/dev/zero")
    found, report = folder_scan.scan(tree, progress=False)
    assert len(found) == 7
    said = problems(report)
    assert said["cat/0.png"] == "a file of 20,000 MB, more than 537"
    if os.name != "nt":
        assert said["dog/zeros.png"] == "a pipe, a socket or a device, not a file"


@pytest.mark.skipif(os.name == "nt", reason="paths are limited in other ways there")
def test_folders_that_cannot_be_listed_are_lines(tree, monkeypatch, request):
    """Without the right to, or so deep that no path leads there; a thousand levels are no limit."""
    # pytest's own way to remove folders calls itself at each level
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", tree], check=True))
    (tree / "cat" / "closed").mkdir()
    folder = tree / "dog"
    for _ in range(1100):
        folder = folder / "d"
        folder.mkdir()
    picture(folder / "a.png", 70)
    deep = os.open(tree / "dog", os.O_RDONLY)
    for _ in range(20):
        os.mkdir("n" * 250, dir_fd=deep)
        deeper = os.open("n" * 250, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    os.close(deep)
    real = Path.iterdir

    def iterdir(path):
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    found, report = folder_scan.scan(tree, progress=False)
    assert len(found) == 9
    said = problems(report)
    assert said.pop("cat/closed") == "the folder cannot be listed: Permission denied"
    assert [problem.split(": ")[1] for problem in said.values()] == ["File name too long"]


def test_placeholders_are_pointed_out(tmp_path):
    """A small moving GIF among photos is used, and a line; among GIFs it is no odd format."""
    for i, name in enumerate(("cat", "dog")):
        for j in range(4):
            noise = np.random.default_rng(10 * i + j).integers(0, 255, (90, 120, 3), np.uint8)
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(noise).save(tmp_path / name / f"{j}.jpg")
    frames = [Image.new("L", (40, 20), grey) for grey in (0, 255)]
    frames[0].save(tmp_path / "cat" / "none.gif", save_all=True, append_images=frames[1:])
    Image.new("L", (1, 1)).save(tmp_path / "dog" / "dot.png")
    found, report = folder_scan.scan(tmp_path, progress=False)
    assert len(found) == 10
    assert problems(report) == {
        "cat/none.gif": "unlike the others: it is a GIF, it moves, it has 40 x 20 pixels; "
        "a placeholder?",
        "dog/dot.png": "unlike the others: it has 1 x 1 pixels; a placeholder?",
    }
    assert set(report["done"]) == {"used"}
    for path in tmp_path.glob("*/*.jpg"):
        with Image.open(path) as photo:
            photo.resize((40, 20)).save(path.with_suffix(".gif"))
        path.unlink()
    (tmp_path / "dog" / "dot.png").unlink()
    assert list(problems(folder_scan.scan(tmp_path, progress=False)[1]).values()) == [
        "unlike the others: it moves; a placeholder?"
    ]


def test_an_honest_mix_of_photos_is_nothing_odd(tmp_path):
    """JPEG and PNG, upright and across, of 240 to 640 pixels."""
    sides = [(640, 480), (320, 240), (240, 320), (500, 333)]
    for i, name in enumerate(("cat", "dog")):
        for j, (width, height) in enumerate(sides):
            noise = np.random.default_rng(10 * i + j).integers(0, 255, (height, width, 3), np.uint8)
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(noise).save(tmp_path / name / f"{j}.{'png' if j % 2 else 'jpg'}")
    assert folder_scan.scan(tmp_path, progress=False)[1].empty


def pictures(classes, contents, splits=(None,)):
    """Pictures that need no files: each content once, with a class of its own."""
    return st.lists(
        st.tuples(st.sampled_from(contents), st.sampled_from(classes), st.sampled_from(splits)),
        min_size=1,
        unique_by=lambda one: one[0],
    ).map(
        lambda some: [Found(Path(str(c)), str(c), name, split, str(c)) for c, name, split in some]
    )


def by_class(found, splits):
    of = defaultdict(list)
    for one, split in zip(found, splits, strict=True):
        of[one.class_name].append(split)
    return of


@some(200)
@given(pictures("ab", range(200)), st.integers(0, 3))
def test_each_picture_has_one_split_and_each_class_trains(found, seed):
    """Whatever is in the folder; three pictures of a class fill all splits, in any order."""
    splits = folder_scan.assign(found, seed)
    assert len(splits) == len(found)
    for own in by_class(found, splits).values():
        wanted = ["train", "test", "validation"][: len(own)]
        assert set(own) >= set(wanted)
        assert set(own) <= {"train", "validation", "test"}
    backwards = folder_scan.assign(found[::-1], seed)
    assert list(backwards[::-1]) == list(splits)


@some(200)
@given(pictures("ab", range(200)), pictures("ab", range(200, 400)))
def test_a_split_is_kept_when_others_come(found, more):
    """In each class whose pictures fill all splits by themselves, and of each other class all."""
    before, after = folder_scan.assign(found), folder_scan.assign(found + more)
    for name in "ab":
        own = [i for i, one in enumerate(found) if one.class_name == name]
        if name not in {one.class_name for one in more} or len(own) >= 60:
            assert list(after[own]) == list(before[own])


@some(100)
@example(  # 26 would be tested, and holds the only picture of b
    [Found(Path(str(i)), str(i), "b" if i == 22 else "a", None, str(i)) for i in range(23)],
    [*range(20), 26, 26, 26],
)
@given(pictures("abc", range(60)), st.lists(st.integers(0, 8), min_size=60, max_size=60))
def test_relatives_stand_in_one_split_and_each_class_trains(found, families):
    """Origins that reach over several classes, too, and hold all pictures of a small one."""
    origins = np.array([str(families[int(one.content)]) for one in found], object)
    splits = assign_origins(found, origins)
    assert set(splits) <= {"train", "validation", "test"}
    for own in set(origins):
        assert len(set(splits[origins == own])) == 1
    assert all("train" in own for own in by_class(found, splits).values())


@some(100)
@given(pictures("ab", range(60), ("train", "test")))
def test_folders_of_splits_are_kept(found):
    """What stands in the folder for testing tests, and nothing else does."""
    for splits in (
        folder_scan.assign(found),
        assign_origins(found, np.array([one.name for one in found], object)),
    ):
        given_test = [one.split == "test" for one in found]
        if any(given_test):
            assert list(splits == "test") == given_test
