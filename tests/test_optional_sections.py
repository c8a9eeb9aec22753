"""Sections that need large weights, run with tiny models of random weights of the same kind."""

import warnings

import keras
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest

import tlhelpers as tl
from tools.build_notebooks import NOTEBOOKS

keras_hub = pytest.importorskip("keras_hub", reason="the optional sections need keras_hub")


def run_section(notebook, tag, **settings):
    """Run the cells with a tag; returns what `display` was given, and the names they made."""
    cells = nbformat.read(NOTEBOOKS / notebook, as_version=4).cells
    code = [cell.source for cell in cells if tag in cell.metadata.get("tags", [])]
    assert code, f"{notebook} has no cell tagged {tag!r}"
    shown = []
    names = {"tl": tl, "np": np, "pd": pd, "keras": keras, "plt": plt, "display": shown.append}
    names |= settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec("\n\n".join(code), names)
    plt.close("all")
    return shown, names


CHARACTERS = [chr(code) for code in range(33, 127)]  # and byte pairs, but for one, are not merged


@pytest.fixture
def tiny_clip(tmp_path):
    """A CLIP saved in the form that KerasHub's presets have."""
    words = [
        *CHARACTERS,
        *(f"{c}</w>" for c in CHARACTERS),
        "ab",
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    vocabulary = {word: i for i, word in enumerate(words)}
    size = {"hidden_dim": 8, "num_layers": 2, "num_heads": 2, "intermediate_dim": 16}
    clip = keras_hub.models.CLIPBackbone(
        keras_hub.models.CLIPVisionEncoder(patch_size=16, image_shape=(32, 32, 3), **size),
        keras_hub.models.CLIPTextEncoder(
            vocabulary_size=len(vocabulary), embedding_dim=8, max_sequence_length=77, **size
        ),
        projection_dim=8,
    )
    tokenizer = keras_hub.models.CLIPTokenizer(vocabulary=vocabulary, merges=["a b"])
    converter = keras_hub.layers.CLIPImageConverter(image_size=(32, 32), scale=1 / 255)
    folder = tmp_path / "clip"
    clip.save_to_preset(folder)
    keras_hub.models.CLIPPreprocessor(tokenizer, converter).save_to_preset(folder)
    return folder


class Runtime:
    """What `tl.setup` gives, without a GPU."""

    gpus = 0


def test_photos_are_described_in_words(tiny_clip):
    """The section on real photos runs from a folder: one row of probabilities a photo."""
    settings = {"IMAGE_TEXT": str(tiny_clip), "runtime": Runtime}
    shown, names = run_section("07_zero_shot_images.ipynb", "image-text", **settings)
    (table,) = shown
    assert table.shape == (2, len(names["labels"]))
    assert np.allclose(names["found"].sum(axis=1), 1, atol=1e-4)
    assert names["words"].shape == (len(names["labels"]), 8)


def test_photos_are_skipped_without_weights(capsys):
    """One readable line says so, and the rest of the section has no error."""
    settings = {"IMAGE_TEXT": "no/such/model", "runtime": Runtime}
    shown, _ = run_section("07_zero_shot_images.ipynb", "image-text", **settings)
    assert not shown
    (line,) = capsys.readouterr().out.splitlines()
    assert line == (
        "Skipped, photographs with no/such/model: there is no GPU, and IMAGE_TEXT is not a folder."
    )
