"""Saved models: what may be loaded from a file that nobody vouches for, and files of before."""

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
