import json
import os
import shutil
import signal
import stat
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


def other_model(**changes):
    """The model of `killed_training`, with another setting that changes no weight's shape."""
    whole = killed_training.model()
    _, hidden, dropout, last = whole.layers
    for name, value in changes.items():
        owner = {"rate": dropout, "activation": last, "kernel_regularizer": hidden}[name]
        setattr(owner, name, value)
    return whole


@pytest.mark.slow
def test_backup_of_other_settings(tmp_path):
    """Another dropout, penalty, activation or loss is another training: no old result is given."""
    losses = keras.losses

    def run(loss=None, **changes):
        whole = other_model(**changes)
        if loss:
            whole.compile("adam", loss)
        killed_training.run(tmp_path, whole=whole, epochs=(1, 1))

    run()
    for change, what in (
        ({"rate": 0.5}, r"layers \(their settings: dropout, regularizers"),
        ({"kernel_regularizer": keras.regularizers.L2(0.1)}, "layers"),
        ({"activation": keras.activations.softmax}, "layers.*, loss"),
        (
            {"loss": losses.SparseCategoricalCrossentropy(ignore_class=0)},
            r"loss \(.*Crossentropy.*, now .*\"ignore_class\": 0",
        ),
        ({"loss": losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")}, "loss"),
    ):
        with pytest.raises(ValueError, match=f"does not belong .* differs in: {what}"):
            run(**change)
    run()


@pytest.mark.slow
def test_backup_of_a_model_written_as_a_class(tmp_path):
    """What cannot be described as a whole is told by its layers."""

    class Head(keras.Model):
        def __init__(self, rate):
            super().__init__()
            self.base = killed_training.model().layers[0]
            self.dropout, self.dense = keras.layers.Dropout(rate), keras.layers.Dense(3)

        def call(self, x, training=None):
            return self.dense(self.dropout(self.base(x), training=training))

    def run(rate):
        head = Head(rate)
        head.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        options = {"epochs": (0, 1), "verbose": 0}
        tl.fine_tune(head, killed_training.pair(0), backup=tmp_path, **options)

    run(0.2)
    with pytest.raises(ValueError, match="differs in: layers"):
        run(0.3)
    run(0.2)


def rewrite(path, damage):
    """Change what a file of a backup tells, by a text or a function, and its arrays."""
    with np.load(path) as file:
        values = dict(file)
    told = json.loads(str(values.pop("told")))
    if callable(damage):
        damage(told, values)
        damage = json.dumps(told)
    if damage:
        values["told"] = np.array(damage)
    np.savez(path, **values)


def test_backup_of_an_earlier_version(tmp_path):
    """A backup that does not tell settings and loss says so, and how to go on."""
    killed_training.run(tmp_path, epochs=(1, 1))

    def as_before(told, values):
        for name in ("format", "layers", "loss"):
            del told["identity"][name]
        del told["arrays"]

    rewrite(tmp_path / "start.npz", as_before)
    message = (
        r"another version of tlhelpers, in format 1; this one reads format 2, .*settings.*loss.*"
    )
    with pytest.raises(ValueError, match=message + "install the version.*another folder or delete"):
        killed_training.run(tmp_path, epochs=(1, 1))


def lose(name):
    def change(told, values):
        del values[max(key for key in values if key.startswith(name))]

    return change


def reshape(name):
    def change(told, values):
        key = max(key for key in values if key.startswith(name))
        values[key] = np.zeros((*values[key].shape, 2), np.float32)

    return change


DAMAGES = {
    "nothing is told": "",
    "no JSON": "{",
    "a list": "[1]",
    "no history": lambda told, values: told.pop("history"),
    "another epoch": lambda told, values: told.update(epoch=[7]),
    "no epoch": lambda told, values: told.update(epoch=[]),
    "weight lost": lose("v"),
    "weight of another shape": reshape("v"),
    "weight of another model": lambda told, values: values.update(v99=np.zeros(3)),
    "optimizer lost": lose("o"),
    "optimizer of another shape": reshape("o"),
    "best weights lost": lambda told, values: values.update(b0=np.zeros(3)),
}


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory):
    """A backup of a tuning that ended in its fourth epoch."""
    folder = tmp_path_factory.mktemp("cut_off")
    interrupted(folder, Interrupt(epoch=1 + 4), epochs=(1, 4))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_content_costs_one_epoch(damage, cut_off, tmp_path):
    """A newest file that is whole, but not what it should be, gives way to the one before."""
    folder = shutil.copytree(cut_off, tmp_path / "copy")
    rewrite(folder / "tuning-000002.npz", DAMAGES[damage])
    assert killed_training.run(folder, epochs=(1, 4))[2].epochs == [2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["nothing is told", "no history", "weight lost"])
def test_damaged_end_of_a_stage(damage, tmp_path):
    """A finished stage whose file is damaged is trained again."""
    want = killed_training.result(*killed_training.run(tmp_path, epochs=(1, 2)))
    rewrite(tmp_path / "tuning.npz", DAMAGES[damage])
    got = killed_training.run(tmp_path, epochs=(1, 2))
    assert got[2].epochs == [0, 1]
    check(killed_training.result(*got), want)


def test_start_that_tells_nothing(tmp_path):
    """A start that is whole as a file, but tells nothing, is a damaged one."""
    killed_training.run(tmp_path, epochs=(1, 1))
    rewrite(tmp_path / "start.npz", "")
    with pytest.raises(ValueError, match=r"start\.npz is missing or damaged"):
        killed_training.run(tmp_path, epochs=(1, 1))


@pytest.mark.slow
def test_full_disk_at_the_end_of_a_stage(tmp_path, monkeypatch):
    """The files of epochs go when the stage is kept, not before."""
    replace = os.replace

    def full(source, target):
        if Path(target).name == "tuning.npz":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(UserWarning, match="state was not kept"):
        killed_training.run(tmp_path, epochs=(1, 2))
    assert (tmp_path / "tuning-000001.npz").exists()
    monkeypatch.undo()
    assert killed_training.run(tmp_path, epochs=(1, 2))[2].epochs == []


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be opened elsewhere")
def test_what_was_kept_has_reached_the_disk(tmp_path, monkeypatch):
    """A file before it gets its name, its folder after it: a power cut leaves one or the other."""
    happened, replace, fsync = [], os.replace, os.fsync

    def note(number):
        happened.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        fsync(number)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "replace", lambda *given: happened.append("name") or replace(*given))
    killed_training.run(tmp_path, epochs=(1, 1))
    assert happened
    assert happened == ["file", "name", "folder"] * (len(happened) // 3)


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
