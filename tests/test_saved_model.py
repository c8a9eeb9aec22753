import keras
import make_modules
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

import tlhelpers as tl


def test_savedmodel_that_is_no_hub_module(tmp_path):
    """A SavedModel without the reusable interface is refused with the way out."""
    tf.saved_model.save(tf.train.Checkpoint(v=tf.Variable(1.0)), str(tmp_path))
    with pytest.raises(ValueError, match=r"cannot be called as a TF Hub module.*load_model"):
        tl.HubLayer(tmp_path)


def test_model_exported_by_keras_3(tmp_path):
    """`model.export` writes signatures only; the message names them, and they work."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.export(tmp_path, verbose=False)
    with pytest.raises(ValueError, match=r"Call one of its signatures, .*'serving_default'"):
        tl.HubLayer(tmp_path)
    layer = tl.HubLayer(tmp_path, signature="serving_default", output_key="output_0")
    assert layer(tf.ones((4, 2))).shape == (4, 3)


def test_tf1_format(tmp_path):
    """A module in TF1 Hub format is refused with where to find its TF2 version."""
    make_modules.half_plus_one(tmp_path)
    (tmp_path / "tfhub_module.pb").write_bytes(b"\x08\x03")
    with pytest.raises(ValueError, match=r"TF1 Hub format.*TF2 version.*TensorFlow2"):
        tl.HubLayer(tmp_path)


def test_operation_of_another_package(tmp_path):
    """An operation that TensorFlow lacks is named, with what to install or use instead."""
    make_modules.half_plus_one(tmp_path)
    graph = tmp_path / "saved_model.pb"
    content = graph.read_bytes()
    assert b"MatMul" in content
    graph.write_bytes(content.replace(b"MatMul", b"CaseFo"))
    with pytest.raises(ValueError, match=r"operation 'CaseFo'.*tensorflow-text.*KerasHub"):
        tl.HubLayer(tmp_path)


def test_variables_that_are_missing(tmp_path):
    """A folder copied without its variables is told from one that is no SavedModel."""
    make_modules.half_plus_one(tmp_path)
    for file in (tmp_path / "variables").iterdir():
        file.unlink()
    with pytest.raises(OSError, match=r"(?s)cannot be read.*copy or download it again"):
        tl.HubLayer(tmp_path)


def test_graph_as_text(tmp_path):
    """A graph saved as text is a SavedModel like any other."""
    make_modules.half_plus_one(tmp_path)
    graph = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    (tmp_path / "saved_model.pbtxt").write_text(text_format.MessageToString(graph))
    (tmp_path / "saved_model.pb").unlink()
    assert tl.HubLayer(tmp_path)([[8.0]]) == 5.0


def test_graph_that_is_damaged(tmp_path):
    """A graph that is cut off is a file that cannot be read, too."""
    make_modules.half_plus_one(tmp_path)
    graph = tmp_path / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:100])
    with pytest.raises(OSError, match="cannot be read"):
        tl.HubLayer(tmp_path)
