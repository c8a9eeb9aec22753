"""Speed of tlhelpers, each as a ratio against what one would write instead, in one run.

The two sides of a ratio alternate, and the median of the repeats is taken.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import tlhelpers as tl

runtime = tl.setup(seed=0)

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from tlhelpers.backbones.efficientnet_lite0 import LITE0
from tlhelpers.images.lazy_images import ImageFiles
from tlhelpers.images.move import move
from tlhelpers.storage.find_module import find_module
from tlhelpers.zero_shot.bert import find_minilm

REPEATS = 7
BATCH = 64


def seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def ratio(slow, fast, repeats=REPEATS):
    """Median of seconds of `slow` over seconds of `fast`, measured in turns."""
    slow(), fast()
    return median(seconds(slow) / seconds(fast) for _ in range(repeats))


def report(what, value, bound, good):
    print(f"{what:<58} {value:7.2f}   wanted: {bound}   {'ok' if good else 'MISSED'}")
    return good


def bare_passes(network, images):
    """What one would write without `extract_features`."""
    signature = [tf.TensorSpec((None, *images.shape[1:]), tf.float32)]
    forward = tf.function(lambda batch: network(batch, training=False), signature)
    parts = [forward(images[i : i + BATCH]).numpy() for i in range(0, len(images), BATCH)]
    return np.concatenate(parts)


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"])
    return model


def training_steps(task):
    """Training steps with the same loop: through a HubLayer, and calling the module itself."""
    images, labels = task.train.images[:BATCH], task.train.labels[:BATCH]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step_of(logits, weights):
        optimizer = keras.optimizers.SGD(1e-4)
        optimizer.build(weights)

        @tf.function
        def step(x, y):
            with tf.GradientTape() as tape:
                value = loss(y, logits(x))
            optimizer.apply(tape.gradient(value, weights), weights)

        return lambda: step(images, labels)

    layer = tl.HubLayer(task.backbone, trainable=True)
    model = keras.Sequential([layer, keras.layers.Dense(10)])
    through_layer = step_of(lambda x: model(x, training=True), model.trainable_weights)
    module = tf.saved_model.load(str(find_module(task.backbone)))
    head = keras.layers.Dense(10)
    head.build((None, 128))
    weights = [*map(keras.Variable, module.trainable_variables), *head.trainable_weights]
    bare = step_of(lambda x: head(module(x, training=False)), weights)
    return through_layer, bare


def predictions(task):
    """Features of the same images: by the module's own call, and in Keras' ways."""
    images = np.concatenate([task.train.images] * 4)
    starts = range(0, len(images), BATCH)
    model = keras.Sequential([tl.HubLayer(task.backbone)])
    model.build((None, *task.image_shape))
    twin = task.network()
    module = tf.saved_model.load(str(find_module(task.backbone)))

    def own_call():
        return [module(images[i : i + BATCH], training=False).numpy() for i in starts]

    def on_batch():
        return [model.predict_on_batch(images[i : i + BATCH]) for i in starts]

    def predict(network):
        return lambda: network.predict(images, batch_size=BATCH, verbose=0)

    return own_call, on_batch, predict(model), predict(twin)


def epochs(task):
    """An epoch of fine-tuning the last two blocks on 2,400 images: whole network, tail alone."""
    images, labels = np.tile(task.train.images, (4, 1, 1, 1)), np.tile(task.train.labels, 4)

    def ready(learner, inputs):
        compiled(learner)
        return lambda: learner.fit(inputs, labels, BATCH, verbose=0)

    network = task.network()
    tl.unfreeze(network, last=2)
    layers = [keras.Input(task.image_shape), network, keras.layers.Dense(10)]
    whole = ready(keras.Sequential(layers), images)
    twin = keras.models.clone_model(network)
    tl.unfreeze(twin, last=2)
    model = keras.Sequential([keras.Input(task.image_shape), twin, keras.layers.Dense(10)])
    trunk, tail = tl.split_at(model, tl.blocks(twin)[-3])
    return whole, ready(tail, tl.extract_features(trunk, images, spatial=True, progress=False))


def encoders():
    """Two ways to encode the same texts: TextEncoder, and KerasHub with one length for all."""
    import keras_hub

    task = tl.load_task("scipy")
    texts = [*task.train.texts, *task.validation.texts]
    texts = [text for text in texts if text.isascii()][:512]  # KerasHub alone reads accents wrongly
    encoder = tl.TextEncoder()
    folder = str(find_minilm())
    tokenizer = keras_hub.models.BertTokenizer.from_preset(folder)
    backbone = keras_hub.models.BertBackbone.from_preset(folder)
    longest = 2 + max(len(ids) for ids in tokenizer(texts))
    pack = keras_hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=longest)

    def plain():
        inputs = pack(texts)
        tokens = backbone.predict(inputs, verbose=0)["sequence_output"]
        mask = np.array(inputs["padding_mask"])[..., None]
        mean = (tokens * mask).sum(1) / mask.sum(1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def ours():
        return encoder(texts, cache=False, progress=False)

    assert np.allclose(plain(), ours(), atol=1e-4)
    of_24_tokens = ["the " * 22] * 256
    encoder(of_24_tokens, cache=False, progress=False)
    rate = median(
        len(of_24_tokens) / seconds(lambda: encoder(of_24_tokens, cache=False, progress=False))
        for _ in range(REPEATS)
    )
    return plain, ours, rate


FIRST_PICTURE = f"""
import tlhelpers as tl

tl.setup()
import numpy as np

network = tl.load_backbone({LITE0!r}, head=True)
network.predict(np.zeros((1, 224, 224, 3), "float32"), verbose=0)
"""


FIRST_TOKEN = """
import tlhelpers as tl

tl.load_language_model().generate("The capital of France is", max_tokens=1)
"""


def from_start(code):
    """Seconds from the start of Python until a program has ended."""
    command = [sys.executable, "-c", code]
    options = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return median(seconds(lambda: subprocess.run(command, **options)) for _ in range(3))


def writing(count=40):
    """Write tokens with kept keys and values, or read all anew for each; and tokens a second."""
    model = tl.load_language_model()
    prompt = model.chat("Tell me a story about a lighthouse and the people who lived in it.")
    tokens = model.encode(prompt)

    def ours():
        assert len(list(model.stream(prompt, max_tokens=count))) > count // 2

    def anew():
        written = list(tokens)
        for _ in range(count):
            x = np.array([written])
            hidden = model.backbone({"token_ids": x, "padding_mask": np.ones_like(x)})
            logits = model.backbone.token_embedding(hidden[:, -1], reverse=True)
            written.append(int(np.argmax(logits)))

    ours()
    one = median(seconds(lambda: model.generate(prompt, max_tokens=1)) for _ in range(REPEATS))
    many = median(seconds(ours) for _ in range(REPEATS))
    return anew, ours, (count - 1) / (many - one)


def pictures_a_second(side=128):
    """How many pictures EfficientNet-Lite0 turns into features in a second."""
    images = np.random.default_rng(0).random((BATCH, side, side, 3), np.float32)
    network = tl.load_backbone(LITE0, size=side)

    def predict():
        network.predict(images, batch_size=BATCH, verbose=0)

    predict()
    return median(BATCH / seconds(predict) for _ in range(REPEATS))


def one_picture(folder, side=96):
    """One picture through EfficientNet-Lite0: by Keras' `predict`, and as a LiteRT file."""
    model, picture = tl.load_backbone(LITE0, size=side), np.zeros((1, side, side, 3), np.float32)
    module = tl.export_module(model, Path(folder) / "module")
    small = tl.load_lite(tl.export_lite(module, Path(folder) / "small.tflite", small=True))
    return lambda: model.predict(picture, verbose=0), lambda: small(picture)


def heard(count=64):
    """Clips through the speech embedding: each window by itself, and whole clips."""
    network, clips = tl.load_speech_embedding(), np.zeros((count, 19_200), np.float32)
    frames = tl.log_mel(clips)[..., None]
    windows = np.concatenate([frames[:, at : at + 76] for at in range(0, 42, 8)])
    return lambda: network.predict(windows, verbose=0), lambda: network.predict(frames, verbose=0)


def fine_tunings(count=600, side=128):
    """Five epochs of the last two blocks of EfficientNet-Lite0: by `fine_tune`, and by plain fit.

    Both begin at a trained head; each builds its optimizer and compiles, as a student's cell does.
    """
    images = np.random.default_rng(0).random((count, side, side, 3), np.float32)
    labels = np.arange(count) % 6
    network = tl.load_backbone(LITE0, size=side)
    model = keras.Sequential([keras.Input(images.shape[1:]), network, keras.layers.Dense(6)])
    options = {"batch_size": 16, "verbose": 0}

    def ours():
        tl.fine_tune(model, (images, labels), last=2, epochs=(0, 5), **options)

    def plain():
        network.trainable = True
        for layer in network.layers:
            norm = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = layer.name.startswith(("block7", "top")) and not norm
        compiled(model).fit(images, labels, epochs=5, **options)

    return plain, ours


def training_and_scores(task):
    """A hundred digits: fine-tuning of a candidate, 120 steps at one rate, and all its scores."""
    few, network = task.few(10), task.network()
    model = keras.Sequential([keras.Input(task.image_shape), network, keras.layers.Dense(10)])
    tl.unfreeze(network, last=None)
    rows = np.tile(np.arange(len(few)), 20)[: 120 * 16]

    def train():
        images, labels = few.images[rows], few.labels[rows]
        compiled(model).fit(images, labels, batch_size=16, verbose=0)

    frozen = task.network()
    return train, lambda: tl.rank_backbones(few.images, few.labels, {"letters": frozen})


def photos(folder, count):
    """JPEG files of 320 by 240 pixels, from noise that is smooth as photos are."""
    rng, paths = np.random.default_rng(0), []
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8))
        paths.append(Path(folder) / f"{i}.jpg")
        coarse.resize((320, 240), Image.Resampling.BICUBIC).save(paths[-1], quality=90)
    return paths


def mobilenet():
    """A network of the size of MobileNetV2; what it knows does not matter here."""
    return keras.applications.MobileNetV2(
        include_top=False, weights=None, pooling="avg", input_shape=(224, 224, 3)
    )


def files_to_features(paths):
    """Seconds of extraction from files, over those of decoding and forward passes alone."""
    images, network = ImageFiles(paths, 224), mobilenet()

    def extract():
        tl.extract_features(network, images, batch_size=BATCH, cache=False, progress=False)

    def decode():
        for _ in images.parts(BATCH):
            pass

    decoded = np.asarray(images)
    extract()
    values = [
        seconds(extract) / (seconds(decode) + seconds(bare_passes, network, decoded))
        for _ in range(REPEATS)
    ]
    return median(values)


def memory_of_a_stream(paths, count=10_000):
    """GiB at most, above what the process has after the first pictures, for many of them.

    To be called in a process of its own, where nothing before had a higher peak.
    """
    network = mobilenet()
    tl.extract_features(
        network, ImageFiles(paths, 224), batch_size=BATCH, cache=False, progress=False
    )
    before = peak_memory()
    many = ImageFiles((paths * (count // len(paths) + 1))[:count], 224)
    tl.extract_features(network, many, batch_size=BATCH, cache=False, progress=False)
    return peak_memory() - before


def large_pool(count=50_000, labelled=300):
    """Features of a pool, and a function that asks it by a strategy."""
    rng = np.random.default_rng(0)
    crowds = rng.normal(0, 1, (50, 1280)).astype("float32")
    pool = crowds[rng.integers(50, size=count)] + rng.normal(0, 1, (count, 1280)).astype("float32")
    shares, known = rng.dirichlet(np.ones(10), count), rng.permutation(count)[:labelled]

    def ask(name):
        return getattr(tl.queries, name)(pool, known, shares, 10, np.random.default_rng(0))

    return ask


def typical_by_sample(task, count=40, draws=8):
    """Points that a sample costs against all of a pool of 6,000: heads on typical pictures."""
    turned = [move(task.train.images, seed, turn=15, shift=0.1) for seed in range(9)]
    images = np.concatenate([task.train.images, *turned])
    network, labels = task.network(), np.tile(task.train.labels, 10)
    pool = network.predict(images, batch_size=BATCH, verbose=0)
    held_out = network.predict(task.validation.images, verbose=0)

    def score(draw):
        rows = tl.queries.typical(pool, [], None, count, np.random.default_rng(draw))
        head = LogisticRegression(max_iter=1000).fit(pool[rows] / pool.std(), labels[rows])
        return head.score(held_out / pool.std(), task.validation.labels)

    sampled = [score(draw) for draw in range(draws)]
    tl.queries.SAMPLE, kept = len(pool), tl.queries.SAMPLE
    exact = [score(draw) for draw in range(draws)]
    tl.queries.SAMPLE = kept
    return 100 * (np.mean(exact) - np.mean(sampled))


def many_labels(folder, count=200_000):
    """A store of so many labels, and a run on a pool of them and 1,000 items more."""
    items, names = [f"text {i}" for i in range(count + 1000)], tuple("0123456789")
    store = tl.LabelStore(Path(folder) / "labels.sqlite")
    rows = ((store.key(items[i]), names[i % 10], "person", None, i // 1000) for i in range(count))
    store.add_many(rows)
    features = np.random.default_rng(0).random((len(items), 4), np.float32)
    run = tl.AccumulationRun(store, items, features, names, query="random", round_size=REPEATS + 1)
    return store, run, list(run.ask())


def peak_memory():
    """GiB that this process had at most so far, on Linux (`ru_maxrss` counts its parent's too)."""
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmHWM"].split()[0]) / 2**20


def labels_at_scale():
    """What a person waits for at each label, in a store that holds 200,000."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        store, run, asked = many_labels(folder)
        numbers = iter(range(10**6))
        waits = {
            "add": lambda: store.add(f"item {next(numbers)}", "3"),
            "answer": lambda: run.answer(asked.pop(), "3"),
            "ask": run.ask,
            "counts": store.counts,
        }
        for name, wait in waits.items():
            value = 1000 * median(seconds(wait) for _ in range(REPEATS))
            what = f"milliseconds to {name} with 200,000 labels"
            results.append(report(what, value, "at most 50", value <= 50))

        def grouped():
            store.table().groupby(["label", "round"]).size().unstack(fill_value=0)

        value = ratio(grouped, store.counts, repeats=3)
        what = "counts of 200,000 labels: a table, grouped / counts()"
        results.append(report(what, value, "at least 10", value >= 10))
        store.close()
    return results


def main():
    threadpool_limits(limits=1, user_api="blas")  # small fits are faster so; TensorFlow keeps all
    task = tl.load_task("digits")
    splits = (task.train, task.validation, task.test)
    images = np.concatenate([split.images for split in splits])
    network = tl.HubLayer(task.backbone)

    def extract(cache):
        return tl.extract_features(network, images, batch_size=BATCH, cache=cache, progress=False)

    results = []
    value = ratio(lambda: extract(False), lambda: bare_passes(network, images))
    bound = "at most 1.15"
    results.append(report("extraction / bare forward passes", value, bound, value <= 1.15))

    value = ratio(*training_steps(task), repeats=10 * REPEATS)
    what = "training step through HubLayer / calling the module"
    results.append(report(what, value, "at most 1.05", value <= 1.05))
    value = ratio(*epochs(task))
    what = "epoch of the last two blocks: whole network / tail alone"
    results.append(report(what, value, "at least 2.5", value >= 2.5))
    own_call, on_batch, predict, predict_twin = predictions(task)
    value = ratio(on_batch, own_call, repeats=3 * REPEATS)
    what = "predict_on_batch through HubLayer / the module's own call"
    results.append(report(what, value, "at most 1.05", value <= 1.05))
    value = ratio(predict, predict_twin, repeats=6 * REPEATS)
    what = "predict: HubLayer / the same network as a Keras model"
    results.append(report(what, value, "at most 1.05", value <= 1.05))
    value = ratio(predict, own_call, repeats=3 * REPEATS)
    print(f"{'predict through HubLayer / the own call (Keras copies data)':<58} {value:7.2f}")

    first, again = [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TLHELPERS_CACHE"] = folder
            first.append(seconds(extract, True))
            again.append(seconds(extract, True))
    value = median(a / b for a, b in zip(first, again, strict=True))
    results.append(report("first call / second call (cached)", value, "at least 20", value >= 20))

    x, y = task.train.images, task.train.labels
    check = (task.validation.images, task.validation.labels)
    accuracy = {}

    def fit_together():
        keras.utils.set_random_seed(0)
        model = compiled(keras.Sequential([network, keras.layers.Dense(10)]))
        model.fit(x, y, epochs=10, verbose=0)
        accuracy["together"] = model.evaluate(*check, verbose=0)[1]

    def extract_then_fit():
        both = np.concatenate([x, check[0]])
        features = tl.extract_features(network, both, cache=False, progress=False)
        head = LogisticRegression(max_iter=1000).fit(features[: len(x)], y)
        accuracy["extract"] = head.score(features[len(x) :], check[1])

    value = ratio(fit_together, extract_then_fit, repeats=3)
    what = "fit of frozen base and head / extract once and head"
    results.append(report(what, value, "at least 8", value >= 8))
    apart = abs(accuracy["together"] - accuracy["extract"])
    what = "their accuracies, points apart"
    results.append(report(what, 100 * apart, "at most 1", apart <= 0.01))

    plain, ours, rate = encoders()
    what = "texts, all padded to the longest / TextEncoder"
    value = ratio(plain, ours)
    results.append(report(what, value, "at least 1.5", value >= 1.5))
    what = "sentences of 24 tokens, per second"
    results.append(report(what, rate, "at least 120", rate >= 120))

    value = from_start(FIRST_TOKEN)
    what = "seconds from Python's start to the first token of SmolLM2"
    results.append(report(what, value, "at most 15", value <= 15))
    anew, ours, rate = writing()
    what = "40 tokens of SmolLM2: all read anew for each / keys and values kept"
    value = ratio(anew, ours, repeats=1)
    results.append(report(what, value, "at least 5", value >= 5))
    what = "tokens of SmolLM2, per second"
    results.append(report(what, rate, "at least 15", rate >= 15))

    rate = pictures_a_second()
    what = "pictures of 128 pixels through EfficientNet-Lite0, per second"
    results.append(report(what, rate, "at least 120", rate >= 120))
    value = from_start(FIRST_PICTURE)
    what = "seconds from Python's start to a classified picture"
    results.append(report(what, value, "at most 6", value <= 6))

    with tempfile.TemporaryDirectory() as folder:
        value = ratio(*one_picture(folder))
    what = "one picture: Keras' predict / a LiteRT file of small weights"
    results.append(report(what, value, "at least 5", value >= 5))
    value = ratio(*heard(), repeats=3)
    what = "speech embedding: windows one by one / whole clips"
    results.append(report(what, value, "at least 1.5", value >= 1.5))

    value = ratio(*training_and_scores(task), repeats=3)
    what = "a fine-tuning on 100 digits / scores of the candidate"
    results.append(report(what, value, "at least 10", value >= 10))

    plain, ours = fine_tunings()
    ours()
    value = median(seconds(ours) for _ in range(3))
    what = "seconds to fine-tune two blocks on 600 pictures of 128 pixels"
    results.append(report(what, value, "at most 10", value <= 10))
    value = ratio(plain, ours, repeats=1)
    what = "the same: plain fit / fine_tune, frozen part computed once"
    results.append(report(what, value, "at least 2", value >= 2))

    ask = large_pool()
    for name in tl.queries.NAMES:
        value = median(seconds(ask, name) for _ in range(3))
        what = f"seconds to ask a pool of 50,000 by {name.replace('_', ' ')}"
        results.append(report(what, value, "at most 2", value <= 2))
    results += labels_at_scale()
    value = typical_by_sample(task)
    what = "points that typical loses by its sample, 40 of 6,000 pictures"
    results.append(report(what, value, "at most 3", value <= 3))

    with tempfile.TemporaryDirectory() as folder:
        paths = photos(folder, 4 * BATCH)
        value = files_to_features(paths)
        what = "features of JPEG files / decoding and forward passes alone"
        results.append(report(what, value, "at most 1.2", value <= 1.2))
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            value = alone.submit(memory_of_a_stream, paths).result()
        what = "GiB above the model while 10,000 pictures stream"
        results.append(report(what, value, "at most 1", value <= 1))
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
