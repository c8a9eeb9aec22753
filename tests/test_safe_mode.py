"""Saved models: what may be loaded from a file that nobody vouches for, and files of before."""

import json
import re
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from loopback import Server, file

import tlhelpers as tl

WANTED = [[-8.410756, 9.210313]]  # what the model gave when it was saved
REFUSED = r"holds the module '.*loading a module runs the program.*safe_mode=False.*unsafe_deser"


def saved(path, handle, module, monkeypatch):
    """A `.keras` file with a HubLayer of this handle in it."""
    layer = tl.HubLayer(module)
    model = keras.Sequential([keras.Input((1,)), layer])
    monkeypatch.setattr(layer, "handle", handle)
    model.save(path)
    return path


def test_an_address_in_a_file_is_not_asked(module, tmp_path, monkeypatch):
    """In safe mode nothing is downloaded from where a file says, and nothing of it runs."""
    with Server(file(b"nothing")) as server:
        handle = f"{server.address}/evil/1"
        path = saved(tmp_path / "model.keras", handle, module("half_plus_one"), monkeypatch)
        with pytest.raises(ValueError, match=REFUSED) as refused:
            keras.models.load_model(path)
        assert handle in str(refused.value)
        assert server.requests == []


def test_a_folder_in_a_file_needs_consent(module, tmp_path):
    """The module of a folder runs only where the caller says that the file can be trusted."""
    model = keras.Sequential([keras.Input((1,)), tl.HubLayer(module("half_plus_one"))])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=REFUSED):
        keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=REFUSED):
        keras.models.model_from_json(model.to_json())
    with pytest.raises(ValueError, match=REFUSED):
        keras.Sequential.from_config(model.get_config())
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=False)
    assert loaded(np.array([[8.0]])) == model(np.array([[8.0]])) == 5.0
    copied = keras.models.clone_model(model)  # from this process, not from a file
    assert copied(np.array([[8.0]])) == 5.0


def in_sequential(layer):
    return keras.Sequential([keras.Input((1,)), layer])


def in_nested_model(layer):
    inputs = keras.Input((1,))
    return keras.Model(inputs, in_sequential(in_sequential(layer))(inputs))


def in_time_distributed(layer):
    return keras.Sequential([keras.Input((3, 1)), keras.layers.TimeDistributed(layer)])


def in_own_layer(layer):
    """A layer that keeps another in its config, as users write them."""
    return keras.Sequential([keras.Input((1,)), Around(layer)])


@keras.saving.register_keras_serializable("test_safe_mode")
class Around(keras.layers.Wrapper):
    def call(self, inputs):
        return self.layer(inputs)


WAYS = {
    "keras": (lambda m, p: m.save(p.with_suffix(".keras")), keras.models.load_model),
    "h5": (lambda m, p: m.save(p.with_suffix(".h5")), keras.models.load_model),
    "json": (lambda m, p: p.with_suffix(".json").write_text(m.to_json()), None),
}


@pytest.mark.filterwarnings("ignore:.*legacy.*", "ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "around", [in_sequential, in_nested_model, in_time_distributed, in_own_layer]
)
def test_wherever_it_stands_it_is_refused(way, around, module, tmp_path, monkeypatch):
    """Nested, in a wrapper, in each format: a handle in a file is not asked."""
    layer = tl.HubLayer(module("half_plus_one"))
    model = around(layer)
    with Server(file(b"nothing")) as server:
        monkeypatch.setattr(layer, "handle", f"{server.address}/evil/1")
        save, load = WAYS[way]
        save(model, tmp_path / "model")
        path = tmp_path / f"model.{way}"
        with pytest.raises(ValueError, match=REFUSED):
            load(path) if load else keras.models.model_from_json(path.read_text())
        assert server.requests == []


@pytest.mark.parametrize(
    "handle",
    [
        "embedded:../x",
        "embedded:glyphnet/../../x",
        " embedded:glyphnet",
        "EMBEDDED:glyphnet",
        ["embedded:glyphnet"],
        {"embedded:glyphnet": 1},
        None,
        5,
    ],
)
def test_what_looks_embedded_is_not(handle):
    """Only the very names of what travels with the package are loaded in safe mode."""
    config = {"class_name": "HubLayer", "registered_name": "tlhelpers>HubLayer", "module": None}
    with pytest.raises(ValueError, match=re.escape(f"holds the module {handle!r}")):
        keras.layers.deserialize({**config, "config": {"handle": handle}})


@pytest.mark.parametrize("load_options", ["x", {"experimental_io_device": "/job:evil"}])
def test_options_of_loading_do_not_come_from_a_file(load_options):
    """What `get_config` never writes is refused with a sentence, also for an embedded module."""
    config = {"class_name": "HubLayer", "registered_name": "tlhelpers>HubLayer", "module": None}
    given = {"handle": "embedded:glyphnet", "load_options": load_options}
    with pytest.raises((OSError, TypeError, ValueError), match=r"load_options|cannot be read"):
        keras.layers.deserialize({**config, "config": given})


def test_from_config_by_hand(module):
    """A config from somewhere is not loaded unless this process has that module in use."""
    folder = module("half_plus_one")
    config = {"handle": folder, "batch_norm": "frozen", "name": "hub"}
    with pytest.raises(ValueError, match=REFUSED):
        tl.HubLayer.from_config(config)
    tl.HubLayer(folder)
    assert tl.HubLayer.from_config(config).handle == folder
    with pytest.raises(ValueError, match=REFUSED):  # a file is not this process
        keras.layers.deserialize(
            {
                "class_name": "HubLayer",
                "registered_name": "tlhelpers>HubLayer",
                "module": None,
                "config": config,
            }
        )


@keras.saving.register_keras_serializable("test_safe_mode")
def same(x):
    return x


@pytest.mark.filterwarnings("ignore:.*does not support masking")
@pytest.mark.parametrize("shape", [(1,), None])
def test_a_layer_is_no_function(shape, tmp_path):
    """A file that has the class called with an address, as if it were a function, gets nowhere."""
    inputs = keras.Input((1,))
    mask = keras.layers.Identity()(inputs)
    outputs = keras.layers.Lambda(same, output_shape=shape)(inputs, mask=mask)
    keras.Model(inputs, outputs).save(tmp_path / "good.keras")
    with (
        Server(file(b"nothing")) as server,
        zipfile.ZipFile(tmp_path / "good.keras") as good,
        zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad,
    ):
        config = json.loads(good.read("config.json"))
        (layer,) = [x for x in config["config"]["layers"] if x["class_name"] == "Lambda"]
        layer["config"]["function"].update(
            config="tlhelpers>HubLayer", registered_name="tlhelpers>HubLayer"
        )
        layer["inbound_nodes"][0]["args"] = []
        layer["inbound_nodes"][0]["kwargs"]["inputs"] = f"{server.address}/evil/1"
        for name in good.namelist():
            bad.writestr(name, good.read(name) if name != "config.json" else json.dumps(config))
        bad.close()
        with pytest.raises((ValueError, NotImplementedError)):
            keras.models.load_model(tmp_path / "bad.keras")(np.ones((1, 1)))
        assert server.requests == []


def test_an_embedded_module_needs_none(tmp_path):
    """What travels with the package is known, so it is loaded in safe mode."""
    model = keras.Sequential([keras.Input((32, 32, 3)), tl.HubLayer("embedded:glyphnet")])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    np.testing.assert_array_equal(loaded(images), model(images))
    again = keras.models.model_from_json(model.to_json())
    np.testing.assert_array_equal(again(images), model(images))


def test_files_of_before_the_move_still_load(tmp_path):
    """A class is found by the name under which it is registered, wherever its file is now."""
    tl.setup()
    model = keras.models.load_model(Path(__file__).parent / "data" / "saved_by_0.1.keras")
    images = np.full((1, 4, 4, 3), 0.5, np.float32)
    np.testing.assert_allclose(model(images), WANTED, rtol=1e-4)
    assert type(model.optimizer).__name__ == "LayerwiseAdam"
    assert [model.optimizer.factor(weight) for weight in model.trainable_weights] == [0.5] * 2 + [
        1.0
    ] * 2

    layer = tl.HubLayer("embedded:glyphnet")
    keras.Sequential([keras.Input((32, 32, 3)), layer]).save(tmp_path / "new.keras")
    new, old = zipfile.ZipFile(tmp_path / "new.keras"), zipfile.ZipFile(tmp_path / "old.keras", "w")
    with new, old:
        for name in new.namelist():
            content = new.read(name)
            if name == "config.json":
                assert b"tlhelpers.backbones.hub_layer" in content
                content = content.replace(b"tlhelpers.backbones.hub_layer", b"tlhelpers.hub")
            old.writestr(name, content)
    loaded = keras.models.load_model(tmp_path / "old.keras")
    assert loaded.layers[0].handle == "embedded:glyphnet"
