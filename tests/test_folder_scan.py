"""Promises of scanning a folder of pictures."""

import numpy as np
import pytest
from PIL import Image

from tlhelpers.tasks import folder_scan


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
