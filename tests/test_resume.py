import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import killed_training
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tlhelpers as tl
from tlhelpers.images.lazy_images import ImageFiles
from tlhelpers.training import data_forms

SCRIPT = Path(killed_training.__file__)


class Interrupt(keras.callbacks.Callback):
    """Ends training in an epoch, or at the end of a stage, counted over both stages."""

    def __init__(self, epoch=-1, stage=-1):
        super().__init__()
        self.epoch, self.stage = epoch, stage

    def on_epoch_begin(self, *_):
        self.epoch -= 1

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 0 and batch == 2:
            raise KeyboardInterrupt

    def on_train_end(self, *_):
        self.stage -= 1
        if self.stage == 0:
            raise KeyboardInterrupt


def interrupted(folder, *callbacks, **options):
    with pytest.raises(KeyboardInterrupt):
        killed_training.run(folder, *callbacks, **options)


def check(got, want):
    """Weights, optimizer and histories are the same."""
    assert got.keys() == want.keys()
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def want(tmp_path_factory):
    """What comes of a training that nothing interrupts."""
    return killed_training.result(*killed_training.run(tmp_path_factory.mktemp("whole")))


@pytest.mark.slow
def test_killed_process(tmp_path, want):
    """Killed in an epoch of each stage and in the writing of a file: as if nothing had been."""

    def process(*when):
        command = [sys.executable, SCRIPT, tmp_path, *map(str, when)]
        path = {"PYTHONPATH": str(SCRIPT.parents[1])}
        return subprocess.run(command, env=os.environ | path, check=False).returncode

    assert process(9) == -signal.SIGKILL  # in the second epoch of the head
    assert process(-1, 5) == -signal.SIGKILL  # half of the file of an epoch of the tuning
    assert list(tmp_path.glob("*.part"))
    got = killed_training.run(tmp_path)
    assert got[2].epochs == [1, 2]
    check(killed_training.result(*got), want)
    assert want["optimizer0"] == 18  # iterations of the second stage: 3 epochs of 6 batches
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_interrupted_in_each_stage(tmp_path, want):
    """Objects are new each time, and a head that begins with other weights does not matter."""
    interrupted(tmp_path, Interrupt(epoch=3))
    assert {path.name for path in tmp_path.iterdir()} == {
        "start.npz",
        "head-000000.npz",
        "head-000001.npz",
    }
    whole = killed_training.model()
    whole.layers[-1].set_weights([weight + 1 for weight in whole.layers[-1].get_weights()])
    interrupted(tmp_path, Interrupt(epoch=1 + 2), whole=whole)
    got = killed_training.run(tmp_path)
    assert got[2].epochs == [1, 2]
    check(killed_training.result(*got), want)
    check_finished(tmp_path, want)


def check_finished(tmp_path, want):
    """Another call gives weights and histories back untrained; the files of epochs are gone."""
    assert {path.name for path in tmp_path.iterdir()} == {"start.npz", "head.npz", "tuning.npz"}
    whole, histories, spy = killed_training.run(tmp_path)
    assert spy.epochs == []
    got = killed_training.result(whole, histories, spy)
    check(got, {name: value for name, value in want.items() if "optimizer" not in name})
    assert isinstance(histories.tuning, keras.callbacks.History)


@pytest.mark.slow
def test_damaged_file_costs_one_epoch(tmp_path, want):
    """When the newest file is not whole, the one before it is used."""
    interrupted(tmp_path, Interrupt(epoch=3))
    newest = tmp_path / "head-000001.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    got = killed_training.run(tmp_path)
    assert got[2].epochs == [1, 2, 0, 1, 2]
    check(killed_training.result(*got), want)


@pytest.mark.slow
def test_early_stopping_goes_on(tmp_path):
    """Patience, best loss and best weights outlast an interruption, also one after the stop."""

    def run(folder, *callbacks):
        whole = killed_training.model()
        head = whole.layers[-1]
        head.set_weights([20 * weight for weight in head.get_weights()])  # easy to better
        stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
        options = {"whole": whole, "epochs": (0, 30), "learning_rate": 0.3}
        return killed_training.run(tmp_path / folder, stop, *callbacks, **options)

    want = run("whole")
    losses = want[1].tuning.history["val_loss"]
    last = len(losses) - 1
    assert np.argmin(losses) < last < 29  # it was stopped, and went back
    for name, when, left in (("a", {"epoch": last + 1}, [last]), ("b", {"stage": 2}, [])):
        with pytest.raises(KeyboardInterrupt):
            run(name, Interrupt(**when))
        got = run(name)
        assert got[2].epochs == left
        check(killed_training.result(*got), killed_training.result(*want))


@pytest.mark.filterwarnings("ignore:Nothing in the blocks")
def test_hub_layer_and_a_data_set(tmp_path, tiny_module):
    """A module whose kernel trains, and batches from a data set, without validation."""
    data = tf.data.Dataset.from_tensor_slices(killed_training.pair(0)).batch(8)

    def run(folder, **more):
        keras.utils.set_random_seed(0)
        layer = tl.HubLayer(tiny_module)
        model = keras.Sequential([keras.Input((8, 8, 3)), layer, keras.layers.Dense(3)])
        options = {"last": None, "epochs": (1, 4), "learning_rate": 1e-2, "verbose": 0}
        histories = tl.fine_tune(model, data, backup=tmp_path / folder, **options, **more)
        return [*model.get_weights(), histories.tuning.history["loss"]]

    want = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("parts", callbacks=[Interrupt(epoch=1 + 3)])
    for one, two in zip(run("parts"), want, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5)


@pytest.mark.slow
def test_pictures_in_files(tmp_path):
    """They are read anew after an interruption; one that has changed makes other data of them."""
    pixels, labels = killed_training.pair(0)
    paths = [tmp_path / f"{i}.png" for i in range(len(pixels))]
    for path, image in zip(paths, (255 * pixels).astype(np.uint8), strict=True):
        Image.fromarray(image).save(path)

    def run(folder, **more):
        model, images = killed_training.model(), ImageFiles(paths, 8)
        options = {"last": None, "epochs": (1, 3), "batch_size": 8, "verbose": 0}
        tl.fine_tune(model, (images, labels), backup=tmp_path / folder, **options, **more)
        return model.get_weights()

    want = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("parts", callbacks=[Interrupt(epoch=1 + 2)])
    for one, two in zip(run("parts"), want, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    Image.new("RGB", (8, 8)).save(paths[0])
    with pytest.raises(ValueError, match=r"differs in: data"):
        run("parts")


def test_backup_of_another_training(tmp_path):
    """Other data, arguments or pretrained weights are refused before anything is trained."""

    def run(base=0, seed=0, **options):
        model = killed_training.model()
        model.layers[0].layers[1].bias.assign_add([base] * 4)
        options = {"epochs": (1, 1), "verbose": 0} | options
        tl.fine_tune(model, killed_training.pair(seed), backup=tmp_path, **options)

    run()
    for change, message in (
        ({"epochs": (1, 3)}, r'in: arguments \(.*"epochs": \[1, 1\].*, now .*\[1, 3\]'),
        ({"last": None}, r"in: arguments"),
        ({"seed": 2}, r"in: data\. To go on.* delete this one"),
        ({"base": 1}, r"in: model\. .*newly built as it was before training"),
    ):
        with pytest.raises(ValueError, match=f"does not belong .* differs {message}"):
            run(**change)


def test_folder_without_its_start(tmp_path):
    """A backup that cannot be told is not overwritten."""
    (tmp_path / "tuning-000003.npz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"start\.npz is missing or damaged.*give another folder"):
        killed_training.run(tmp_path)


def test_folder_that_cannot_be_written(tmp_path, monkeypatch):
    """Training is worth more than its backup: it goes on, with a warning."""

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    message = r"Training goes on, but its state was not kept: .*No space left.*Make room there"
    with pytest.warns(UserWarning, match=message):
        got = killed_training.run(tmp_path, epochs=(1, 1))
    assert got[2].epochs == [0, 0]
    assert list(tmp_path.iterdir()) == []


def test_order_depends_on_the_epoch_alone():
    """Each epoch has all samples once, in an order of its own, whenever training began."""
    numbers = np.arange(20)

    def order(*epochs, seed=3):
        data = data_forms.in_order((numbers, numbers), 8, seed, range(*epochs))
        parts = [x.numpy() for x, y in data]
        assert [len(part) for part in parts[:3]] == [8, 8, 4]
        return np.concatenate(parts).reshape(-1, 20)

    whole = order(0, 4)
    np.testing.assert_array_equal(np.sort(whole), np.tile(numbers, (4, 1)))
    np.testing.assert_array_equal(order(2, 4), whole[2:])
    assert (whole[0] != whole[1]).any()
    assert (order(0, 1, seed=4) != whole[0]).any()
    np.testing.assert_array_equal(order(0, 2, seed=None), np.tile(numbers, (2, 1)))
