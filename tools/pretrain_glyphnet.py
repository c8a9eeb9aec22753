"""Train GlyphNet from nothing on warped printed letters, and write all of data/.

Every letter is drawn in all the fonts of matplotlib. Two losses are added, on feature vectors z:

- cross-entropy of a linear head that names the letter;
- a contrastive loss that brings a warped letter near a clean print of the same letter in another
  font, and away from the other letters of the batch, as CLIP does with pictures and captions
  (Radford et al., 2021; several positives a row as in Khosla et al., 2020).

A share of the pictures is reduced to 8x8 cells, so that the features serve coarse scans as well as
sharp ones. Digits are never drawn.
"""

import argparse
import json
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

import tlhelpers as tl
from tlhelpers.images import glyphs

FILTERS = ((24, 1), (48, 2), (64, 1), (96, 2), (96, 1), (96, 2))  # filters and stride of a block
DIMENSION = 128
MOMENTUM, EPSILON = 0.95, 1e-3  # of the batch normalisation
BATCH = 256


# The source task -------------------------------------------------------------------------------


def letter_classes(alike=0.95):
    """Class of each letter, as a dict letter -> number; letters that look alike share one.

    Latin A, Greek Alpha and Cyrillic A are one shape, so asking for a name would ask the
    impossible. Two letters are alike when their prints correlate above `alike`.
    """
    letters = [letter for script in glyphs.SCRIPTS for letter in glyphs.alphabet(script)]
    letters = [letter for letter in letters if glyphs.has_glyph(letter, "DejaVuSans")]
    prints = glyphs.render(letters).reshape(len(letters), -1)
    similar = np.corrcoef(prints) > alike
    classes, representatives = {}, []
    for i, letter in enumerate(letters):
        twins = [number for number, j in enumerate(representatives) if similar[i, j]]
        if not twins:
            representatives.append(i)
        classes[letter] = twins[0] if twins else len(representatives) - 1
    return classes


class Prints:
    """Clean prints of every letter in every font that draws it.

    `images` is float32 `[n, 32, 32]`; `labels` and `scripts` are int `[n]`.
    """

    def __init__(self, classes):
        images, labels, scripts = [], [], []
        for number, script in enumerate(glyphs.SCRIPTS):
            for font in glyphs.FONTS:
                letters = [c for c in glyphs.alphabet(script) if c in classes]
                letters = [c for c in letters if glyphs.has_glyph(c, font)]
                images.append(glyphs.render(letters, font))
                labels += [classes[letter] for letter in letters]
                scripts += [number] * len(letters)
        self.images = np.concatenate(images)
        self.labels, self.scripts = np.array(labels), np.array(scripts)
        self._of_class = [np.flatnonzero(self.labels == k) for k in range(max(labels) + 1)]

    def draw(self, labels, rng):
        """A random print of each of these classes, as positions."""
        return np.array([rng.choice(self._of_class[label]) for label in labels])


def warped(images, seed, strength=1.0):
    """`glyphs.warp` in portions, with a progress bar; uint8 `[n, 32, 32]`."""
    out = np.empty(images.shape, np.uint8)
    for start in tqdm(range(0, len(images), 1000), desc="warping", mininterval=2):
        part = glyphs.warp(images[start : start + 1000], (seed, start), strength)
        out[start : start + 1000] = to_bytes(part)
    return out


def to_bytes(images):
    return np.round(images * 255).astype(np.uint8)


def to_rgb(images):
    """uint8 `[n, 32, 32]` -> float32 `[n, 32, 32, 3]` in `[0, 1]`."""
    return tf.repeat(tf.cast(images, tf.float32)[..., None] / 255, 3, axis=-1)


def coarse(images):
    return to_bytes(glyphs.degrade(images.astype(np.float32) / 255))


# The network -----------------------------------------------------------------------------------


def build_network():
    """Six convolutional blocks and a dense one: images `[n, 32, 32, 3]` -> vectors `[n, 128]`."""
    layers = keras.layers

    def norm(block):
        return layers.BatchNormalization(
            momentum=MOMENTUM, epsilon=EPSILON, name=f"block{block}_norm"
        )

    x = inputs = keras.Input((32, 32, 3), name="images")
    for block, (filters, stride) in enumerate(FILTERS, start=1):
        name = f"block{block}_conv"
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False, name=name)(x)
        x = layers.ReLU(name=f"block{block}_out")(norm(block)(x))
    last = len(FILTERS) + 1
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(DIMENSION, use_bias=False, name=f"block{last}_dense")(x)
    x = layers.Activation("linear", name=f"block{last}_out")(norm(last)(x))
    return keras.Model(inputs, x, name="glyphnet")


def save_portably(network, path):
    """Save as a Keras file, without the fields that Keras 3.15 writes and 3.13 refuses to read.

    All of them stand at their defaults. Without this, Colab's Keras could not load the file.
    """
    newer = {"input_axes", "output_axes", "renorm", "renorm_clipping", "renorm_momentum"}

    def older(node):
        return {key: value for key, value in node.items() if key not in newer}

    network.save(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"], object_hook=older)
    files["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


# Training --------------------------------------------------------------------------------------


def train(network, head, prints, images, epochs, seed, strength):
    """Train network and head; prints the mean loss of each epoch."""
    rng = np.random.default_rng(seed)
    count = head.units
    labels = rng.integers(0, count, images)
    handwriting = warped(prints.images[prints.draw(labels, rng)], seed, strength)
    clean = to_bytes(prints.images)
    clean_coarse = coarse(clean)

    log_scale = tf.Variable(np.log(10.0), dtype=tf.float32)  # of the cosines, learnt as in CLIP
    weights = [*network.trainable_variables, *head.trainable_variables, log_scale]
    steps = images // BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, epochs * steps, warmup_target=3e-3, warmup_steps=epochs * steps // 20
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4)
    optimizer.build(weights)
    name_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)

    @tf.function
    def step(warped_batch, clean_batch, label):
        with tf.GradientTape() as tape:
            z = network(to_rgb(tf.concat([warped_batch, clean_batch], 0)), training=True)
            names = tf.one_hot(tf.concat([label, label], 0), count)
            loss = name_loss(names, head(tf.nn.relu(z)))
            a, b = tf.split(tf.math.l2_normalize(z, -1), 2)
            cosines = tf.matmul(a, b, transpose_b=True) * tf.exp(log_scale)
            same = tf.cast(label[:, None] == label[None], tf.float32)
            pairs = same / tf.reduce_sum(same, 1, keepdims=True)  # symmetric: both ways at once
            for logits in (cosines, tf.transpose(cosines)):
                both = tf.nn.softmax_cross_entropy_with_logits(pairs, logits)
                loss += tf.reduce_mean(both) / 2
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    with tqdm(total=epochs * steps, desc="training", unit="batch", mininterval=2) as bar:
        for epoch in range(epochs):
            losses = []
            for batch in np.split(rng.permutation(images)[: steps * BATCH], steps):
                picture, label = handwriting[batch], labels[batch]
                is_coarse = rng.random(BATCH) < 0.6
                picture[is_coarse] = coarse(picture[is_coarse])
                # mostly the same sharpness on both sides, so that sharpness is no hint
                also = np.where(rng.random(BATCH) < 0.8, is_coarse, ~is_coarse)
                where = prints.draw(label, rng)
                pair = np.where(also[:, None, None], clean_coarse[where], clean[where])
                losses.append(step(*map(tf.constant, (picture, pair, label))))
                bar.update()
            bar.write(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}")


def letter_accuracy(network, head, prints, seed, strength, n=6000):
    """Share of freshly warped letters named right: dict script -> (sharp, coarse)."""
    rng = np.random.default_rng(seed)
    where = rng.integers(0, len(prints.labels), n)
    sharp = warped(prints.images[where], seed, strength)
    right = {}
    for kind, images in (("sharp", sharp), ("coarse", coarse(sharp))):
        z = network.predict(np.asarray(to_rgb(images)), batch_size=BATCH, verbose=0)
        right[kind] = np.argmax(head(tf.nn.relu(z)), -1) == prints.labels[where]
    return {
        script: tuple(right[k][prints.scripts[where] == i].mean() for k in ("sharp", "coarse"))
        for i, script in enumerate(glyphs.SCRIPTS)
    }


# The card --------------------------------------------------------------------------------------

CARD = """\
# GlyphNet: model card

GlyphNet turns a picture of one character into a feature vector. It was trained to name printed
letters. It has never seen a digit, nor any real handwriting.

This page is written by `make pretrain`; its figures are those of the files beside it.

| | |
|---|---|
| files | `glyphnet/` (TF Hub style SavedModel) and `glyphnet.keras`: the same network |
| input | float32 `[n, 32, 32, 3]` in `[0, 1]`, bright ink on a dark ground, filling the frame |
| output | float32 `[n, {dimension}]`: one feature vector a picture |
| parameters | {parameters:,} |
| licence | Apache-2.0, like the course |

## Architecture
{blocks} blocks. The first {convolutions} are a 3x3 convolution, batch normalisation and ReLU; the
last is a dense layer and batch normalisation. Layers of the Keras file are called `block1_conv`,
`block1_norm`, `block1_out` and so on; variables of the SavedModel `block1/conv/kernel`,
`block1/norm/gamma` and so on. `training=True` uses the statistics of the batch and moves the stored
ones.

## Training data
{letters} letters of the scripts below, drawn in those of {fonts} fonts inside matplotlib that have
them: {prints:,} prints in {classes} classes, because letters that look alike share one. The
licences of the fonts (DejaVu, STIX, Bakoma Computer Modern) allow it; no font is in the files.
{images:,} prints were warped at random: rotation, slant, aspect, taper, elastic displacement,
stroke width. About 60 % of what the network saw was reduced to 8x8 cells of 17 greys.

## Training
From random weights, seed {seed}, {epochs} epochs of AdamW on the sum of two losses: cross-entropy
of a letter's name, and a contrastive loss between a warped letter and a clean print of it in any
font. Another run gives other weights, because sums on several cores have no fixed order.

## Letters named right
{tested:,} freshly warped letters of the same fonts, by the head that was trained along (it is
not in the files):

| script | sharp | 8x8 cells |
|---|---|---|
{scripts}

## Limits
- One character a picture, upright, filling the frame. Dark ink on a light ground must be inverted.
- Tiny: it knows strokes and their arrangement, and nothing of objects, scenes or colours (its three
  channels were always equal).
- Its idea of variation is the warps above. Handwriting that drops or adds strokes lies outside.
- Some letters look like digits (O and 0, Cyrillic Ze and 3). It knows such shapes well, but as
  letters.
- Other scripts were not seen, and nothing was measured on them.
- Not for reading documents, and for no decision about people.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=100_000, help="warped letters")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--strength", type=float, default=1.0, help="of the warps")
    options = parser.parse_args()

    tl.setup(seed=options.seed)
    classes = letter_classes()
    prints = Prints(classes)
    network = build_network()
    head = keras.layers.Dense(max(classes.values()) + 1)
    head.build((None, DIMENSION))
    settings = (options.images, options.epochs, options.seed, options.strength)
    train(network, head, prints, *settings)
    tested = min(6000, options.images)
    scripts = letter_accuracy(network, head, prints, options.seed + 1, options.strength, tested)

    options.output.mkdir(parents=True, exist_ok=True)
    save_portably(network, options.output / "glyphnet.keras")
    folder = options.output / "glyphnet"
    shutil.rmtree(folder, ignore_errors=True)
    texts = {"about": "GlyphNet; its card is `../README.md`.", "licence": "Apache-2.0."}
    tl.export_module(network, folder, **texts, measured="See `../README.md`.")
    images = np.random.default_rng(0).random((8, 32, 32, 3), np.float32)
    from_module = tl.HubLayer(folder)(images)
    np.testing.assert_allclose(from_module, network(images, training=False), atol=1e-4)
    rows = [f"| {name.title()} | {a:.3f} | {b:.3f} |" for name, (a, b) in scripts.items()]
    card = CARD.format(
        dimension=DIMENSION,
        parameters=network.count_params(),
        blocks=len(FILTERS) + 1,
        convolutions=len(FILTERS),
        letters=len(classes),
        fonts=len(glyphs.FONTS),
        prints=len(prints.labels),
        classes=head.units,
        images=options.images,
        seed=options.seed,
        epochs=options.epochs,
        tested=tested,
        scripts="\n".join(rows),
    )
    (options.output / "README.md").write_text(card, encoding="utf-8")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
