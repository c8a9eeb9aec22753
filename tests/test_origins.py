"""Promises of splits by origin: relatives never stand on two sides."""

import numpy as np
import pytest
from PIL import Image

import tlhelpers as tl

SPLITS = ("train", "validation", "test")
BEFORE_UNDERSCORE = r"([^/]+)_"


def picture(path):
    """Noise, other for each path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.as_posix().encode()[-40:])).integers(
        0, 255, (32, 32, 3), np.uint8
    )
    Image.fromarray(noise).save(path)


def tree(folder, *, classes=("cat", "dog"), origins=6, each=3, below=""):
    """`<class>/<class><origin>_<number>.png`."""
    for name in classes:
        for j in range(origins):
            for k in range(each):
                picture(folder / below / name / f"{name}{j}_{k}.png")
    return folder


def load(folder, origin=BEFORE_UNDERSCORE, **options):
    return tl.load_task(
        "folder", path=folder, backbone="embedded:glyphnet", origin=origin, **options
    )


def origins(task):
    return {name: set(task.details.origin[getattr(task, name).index]) for name in SPLITS}


@pytest.mark.parametrize("seed", range(4))
def test_each_origin_stands_in_one_split(tmp_path, seed):
    """Splits share no origin, and each holds each class; another seed draws others."""
    task = load(tree(tmp_path), seed=seed)
    found = origins(task)
    assert sum(map(len, found.values())) == len(set.union(*found.values())) == 12
    for name in SPLITS:
        assert set(getattr(task, name).labels) == {0, 1}
    assert task.report.empty
    assert {tuple(sorted(origins(load(tmp_path, seed=s))["test"])) for s in range(6)} != {
        tuple(sorted(found["test"]))
    }


def test_a_fifth_validates_and_a_fifth_tests(tmp_path):
    """In each class, as nearly as whole origins allow."""
    task = load(tree(tmp_path, origins=20, each=2))
    for name, count in zip(SPLITS, (24, 8, 8), strict=True):
        assert np.bincount(getattr(task, name).labels).tolist() == [count, count]


def test_a_function_and_a_picture_without_an_origin(tmp_path):
    """A function of the path does the same; what does not match is an origin of its own."""
    tree(tmp_path)
    picture(tmp_path / "cat" / "stray.png")
    ways = (BEFORE_UNDERSCORE, "cat/stray.png"), (lambda name: name.split("/")[1][:4], "stra")
    for origin, stray in ways:
        own = load(tmp_path, origin).details.set_index("name").origin
        assert own["cat/stray.png"] == stray
        assert own["dog/dog2_1.png"] == "dog2"


def test_a_large_origin_trains(tmp_path):
    """One with more than a fifth of a class does not fill a split of its own."""
    tree(tmp_path, origins=10, each=1)
    for k in range(40):
        picture(tmp_path / "cat" / f"burst_{k}.png")
    for seed in range(4):
        assert "burst" in origins(load(tmp_path, seed=seed))["train"]


def test_few_origins_are_said(tmp_path):
    """Two of a class leave a split without it, and one trains alone: rows of the report."""
    tree(tmp_path, origins=6)
    tree(tmp_path, classes=("bird",), origins=2)
    tree(tmp_path, classes=("fish",), origins=1)
    task = load(tmp_path)
    said = dict(zip(task.report["name"], task.report["problem"], strict=True))
    assert said == {
        "bird": "2 origins of this class; 3 fill all splits",
        "fish": "1 origin of this class; 3 fill all splits",
    }
    assert "fish0" in origins(task)["train"]


def test_an_origin_in_two_folders_of_splits_is_said(tmp_path):
    """The folders are obeyed, and the report names what stands on two sides."""
    for below in ("train", "val", "test"):
        tree(tmp_path, origins=3, each=2, below=below)
    task = load(tmp_path)
    assert set(task.report["problem"]) >= {"origin 'cat0' stands in test and train and validation"}
    assert set(task.report["done"]) == {"used"}


def test_a_missing_split_is_taken_out_of_train_by_origin(tmp_path):
    """Folders `train` and `test` are kept; validation gets whole origins of `train`."""
    tree(tmp_path, origins=6, each=2, below="train")
    for name in ("cat", "dog"):
        picture(tmp_path / "test" / name / f"other{name}_1.png")
    found = origins(load(tmp_path))
    assert found["test"] == {"othercat", "otherdog"}
    assert found["validation"]
    assert not found["validation"] & found["train"]


@pytest.mark.parametrize(
    ("origin", "error", "message"),
    [
        ("(", ValueError, r"origin is '\(', no regular expression"),
        ("panel", ValueError, r"origin is 'panel', and none of 36 names matches it, such as 'cat/"),
        (3, TypeError, r"origin is 3; a regular expression such as .*, or a function"),
        (lambda name: 3, TypeError, r"origin gives 3 for 'cat/cat0_0.png'; a text"),
        (lambda name: "", TypeError, r"origin gives '' for 'cat/cat0_0.png'; a text"),
    ],
)
def test_an_origin_that_says_nothing(tmp_path, origin, error, message):
    """What came, what is expected, and an example."""
    with pytest.raises(error, match=message):
        load(tree(tmp_path), origin)


def test_other_tasks_have_no_origin():
    """The message lists the options that there are."""
    with pytest.raises(ValueError, match=r"The task 'digits' has no option 'origin'"):
        tl.load_task("digits", origin="x")


def test_a_folder_of_one_class(tmp_path):
    """A sentence says what is there, and what is expected."""
    tree(tmp_path, classes=("cat",))
    with pytest.raises(ValueError, match=r"has pictures of 1 classes \(cat\); two at least are"):
        load(tmp_path)
