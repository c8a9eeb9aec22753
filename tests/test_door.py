"""Every entrance checks the same things of pictures and labels, and says the same sentences."""

import functools

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

import tlhelpers as tl
from tlhelpers.diagnosis import transferability
from tlhelpers.images.lazy_images import LazyImages
from tlhelpers.images.move import move
from tlhelpers.runtime.check_labels import check_labels

IMAGES = np.random.default_rng(0).random((12, 8, 8, 3), np.float32)
LABELS = np.arange(12) % 3
BYTES = (255 * IMAGES).astype(np.uint8)
NAMES = np.array(["cat", "cow", "dog"])


class Tensor:
    """What NumPy sees of a tensor of PyTorch, which not everybody has."""

    def __init__(self, array, *, requires_grad=False):
        self.array, self.requires_grad = array, requires_grad
        self.shape, self.ndim = array.shape, array.ndim

    def __len__(self):
        return len(self.array)

    def __getitem__(self, where):
        return Tensor(self.array[where])

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.array


class Unmade(LazyImages):
    """Pictures that are made when they are needed."""

    def __init__(self):
        super().__init__(len(IMAGES), IMAGES.shape[1:])

    def make(self, at):
        return IMAGES[at]


@functools.cache
def task():
    return tl.load_task("digits")


def base():
    """`[n, 8, 8, 3] -> [n, 4]`; by its name it takes pictures up to 1."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(4, 3, name="block1_conv"),
        keras.layers.BatchNormalization(name="block1_norm"),
        keras.layers.GlobalAveragePooling2D(),
    ]
    return keras.Sequential(layers, name="glyphnet_small")


def model(classes=3, before=(), network=None):
    layers = [keras.Input((8, 8, 3)), *before, network or base(), keras.layers.Dense(classes)]
    return keras.Sequential(layers)


def fine_tuned(images, labels=LABELS, validation=None, of=None):
    """The head after fine-tuning on these images, for those who take a pair."""
    of = of or model()
    if isinstance(images, np.ndarray) and isinstance(labels, np.ndarray):
        labels = labels[: len(images)]
    tl.fine_tune(of, (images, labels), validation, epochs=(1, 0), verbose=0)
    return np.concatenate([w.numpy().ravel() for w in of.layers[-1].weights])


def adapted(images):
    network = base()
    tl.adapt_batch_norm(network, images)
    return network.layers[1].moving_mean.numpy()


ENTRANCES = {
    "extract_features": lambda x: tl.extract_features(base(), x, cache=False, progress=False),
    "fine_tune": fine_tuned,
    "adapt_batch_norm": adapted,
    "rank_backbones": lambda x: tl.rank_backbones(x, LABELS, {"p": tl.raw_pixels}, folds=2)[
        "score"
    ].drop(columns="LEEP"),
    "raw_pixels": tl.raw_pixels,
    "crop_views": lambda x: np.stack([np.asarray(view) for view in tl.crop_views(x)]),
    "transform_images": lambda x: np.asarray(tl.transform_images(x, np.flip)),
    "move": move,
}


def each(entrances):
    slow = pytest.param("fine_tune", marks=pytest.mark.slow)
    names = [slow if name == "fine_tune" else name for name in entrances]
    return pytest.mark.parametrize("entrance", names)


TAKEN = {
    "float64": lambda: IMAGES.astype(np.float64),
    "list": lambda: list(IMAGES),
    "nested list": IMAGES.tolist,
    "column": lambda: pd.Series(list(IMAGES)),
    "tensor": lambda: tf.constant(IMAGES),
    "torch": lambda: Tensor(IMAGES),
    "not in order": lambda: np.asfortranarray(IMAGES),
    "lazy": Unmade,
}


@each(ENTRANCES)
def test_every_form_gives_what_float32_gives(entrance):
    """Lists, pandas, tensors of both libraries, pictures made later."""
    want = ENTRANCES[entrance](IMAGES)
    for name, make in TAKEN.items():
        if (entrance, name) == ("transform_images", "lazy"):
            continue  # flips one by one
        found = ENTRANCES[entrance](make())
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5, err_msg=name)


REFUSED = {
    "uint8": (lambda: BYTES, r"type uint8; float32 in \[0, 1\] .* Divide by 255: np\.float32"),
    "Pillow": (lambda: [Image.fromarray(each) for each in BYTES], "type uint8; .*Divide by 255"),
    "0 to 255": (lambda: 255 * IMAGES, r"range from 0\.\d+ to 25\d.*Divide by 255"),
    "NaN": (
        lambda: np.where(np.arange(12)[:, None, None, None] == 3, np.nan, IMAGES),
        r"1 of 12 images hold NaN or infinity, the first is images\[3\]",
    ),
    "grey": (lambda: IMAGES[..., 0], r"shape \[12, 8, 8\]; .*np\.repeat\(images\[\.\.\., None\]"),
    "channels first": (lambda: np.moveaxis(IMAGES, -1, 1), r"np\.moveaxis\(images, 1, -1\)"),
    "alpha": (lambda: IMAGES[..., [0, 1, 2, 2]], r"Drop the alpha channel: images\[\.\.\., :3\]"),
    "flat table": (lambda: pd.DataFrame(IMAGES.reshape(12, -1)), r"shape \[12, 192\]; \[n, heig"),
    "sizes": (
        lambda: [IMAGES[0], IMAGES[1, :5], *IMAGES[2:]],
        r"different shapes, such as \[8, 8, 3\] and \[5, 8, 3\]; one array .*tl\.read_picture",
    ),
    "split": (lambda: tl.Split(IMAGES, LABELS, LABELS), "came as a Split.*: split.images"),
    "task": (task, r"came as a Task; .* task\.train\.images"),
    "data set": (
        lambda: tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4),
        r"came as a tf\.data\.Dataset; .*np\.concatenate\(\[images for images, labels in data\]\)",
    ),
    "gradient": (
        lambda: Tensor(IMAGES, requires_grad=True),
        r"Tensor, which NumPy cannot read \(Can't .*\)\. .*x\.detach\(\)\.cpu\(\)\.numpy\(\)",
    ),
    "path": (lambda: "cat.jpg", r"came as a str; .*tl\.read_picture\(path\)"),
    "paths": (lambda: ["cat.jpg"] * 12, r"type <U7; .*tl\.read_picture\(path\)"),
    "network": (base, r"came as a Sequential; .*arguments swapped\? The network comes first"),
    "none": (lambda: None, "came as a NoneType; .*Nothing was given"),
    "generator": (lambda: (each for each in IMAGES), "came as a generator; .*into a list"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_every_entrance_refuses_with_the_same_sentence(form):
    """What came, what is expected, how to mend it; TypeError for kinds, ValueError for values."""
    make, sentence = REFUSED[form]
    kinds = r"type |came as|cannot read"
    for name, enter in ENTRANCES.items():
        with pytest.raises((TypeError, ValueError), match=sentence) as caught:
            enter(make())
        said = str(caught.value)
        assert said.split()[0] in ("Images", "Inputs", "1"), name
        assert (caught.type is TypeError) == bool(pd.Series(said).str.contains(kinds)[0]), name


def test_empty_and_single_pictures():
    """They are named, where no labels are there to be counted first."""
    for enter in ENTRANCES.values():
        for images, sentence in (
            (IMAGES[:0], r"empty|0 (images|inputs)"),
            (IMAGES[0], "shape|8 i"),
        ):
            with pytest.raises(ValueError, match=sentence):
                enter(images)


def test_the_ways_out_work():
    """What the sentences advise is taken then."""
    want = tl.raw_pixels(IMAGES)
    pillow = [Image.fromarray(each) for each in BYTES]
    for bytes_ in (BYTES, pillow, BYTES.tolist()):
        np.testing.assert_allclose(tl.raw_pixels(np.float32(bytes_) / 255), want, atol=1 / 255)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(5)
    together = np.concatenate([images for images, labels in data])
    np.testing.assert_array_equal(tl.raw_pixels(together), want)
    class_names = NAMES.tolist()
    labels = [class_names.index(name) for name in NAMES[LABELS]]
    np.testing.assert_array_equal(check_labels(labels), LABELS)


def test_swapped_arguments():
    """Network and images, inputs and labels, pictures and labels not in a pair."""
    with pytest.raises(TypeError, match="arguments swapped"):
        tl.extract_features(IMAGES, base())
    for images in (IMAGES, Unmade()):
        with pytest.raises(ValueError, match=r"are swapped: \(inputs, labels\) is expected"):
            tl.fine_tune(model(), (LABELS, images))
        with pytest.raises(ValueError, match=r"as pictures have; .*arguments swapped"):
            tl.rank_backbones(IMAGES, images, {"pixels": tl.raw_pixels})
    with pytest.raises(TypeError, match=r"type ndarray; .*one pair: \(images, labels\)"):
        tl.fine_tune(model(), IMAGES, LABELS)
    with pytest.raises(TypeError, match=r"type Task; .*one of its splits: task\.train"):
        tl.fine_tune(model(), task())


RESCALING = keras.layers.Rescaling


@pytest.mark.parametrize("images", [BYTES, 255 * IMAGES])
def test_a_model_that_rescales_takes_bytes(images):
    """A layer of the model prepares them; then validation data must be alike."""
    alone = [fine_tuned(images, of=model(before=[RESCALING(1 / 255)])), fine_tuned(images / 255)]
    np.testing.assert_allclose(*alone, rtol=1e-3, atol=1e-3)
    of = model(before=[RESCALING(1 / 255)])
    with pytest.raises(
        ValueError, match=r"go up to 25\d\.?\d*, validation pictures up to 0\.9\d*\. P"
    ):
        fine_tuned(images, validation=(IMAGES, LABELS), of=of)


def plain(before=()):
    """A network of which nobody knows what it takes."""
    layers = [keras.Input((8, 8, 3)), *before, keras.layers.Conv2D(4, 3)]
    return keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()], name="own")


def test_networks_of_ones_own():
    """Bytes are refused where nothing prepares them; floats of any range pass, as they must."""
    with pytest.raises(TypeError, match=r"type uint8; .*Divide by 255"):
        fine_tuned(BYTES, of=model(network=plain()))
    fine_tuned(BYTES, of=model(network=plain([RESCALING(1 / 127.5, -1)])))
    fine_tuned(30 * IMAGES - 15, of=model(network=plain()))
    fine_tuned(np.uint8(IMAGES > 0.5), of=model(network=plain()))  # masks of 0 and 1


def test_preprocessing_written_as_operations():
    """`preprocess_input` between the input and the base, as published notebooks have it."""
    inputs = keras.Input((8, 8, 3))
    prepared = keras.applications.mobilenet_v2.preprocess_input(inputs)
    of = keras.Model(inputs, keras.layers.Dense(3)(plain()(prepared)))
    assert np.isfinite(fine_tuned(BYTES, of=of)).all()


@pytest.mark.slow
def test_keras_applications_without_their_preprocessing():
    """Both ranges are named, and the network."""
    options = {"weights": None, "include_top": False, "pooling": "avg"}
    network = keras.applications.MobileNetV2((32, 32, 3), **options)
    of = keras.Sequential([keras.Input((32, 32, 3)), network, keras.layers.Dense(3)])
    images = np.repeat(np.repeat(255 * IMAGES, 4, 1), 4, 2)
    with pytest.raises(
        ValueError, match=r"from 0\.\d+ to 25\d.* reach mobilenetv2.* -1 to 1\. Pre"
    ):
        fine_tuned(images, of=of)
    fine_tuned(images / 127.5 - 1, of=of)


def test_inputs_of_other_models():
    """Vectors with NaN or of another length; spectrograms, which have no range."""
    head = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(3)])
    vectors = IMAGES.reshape(12, -1)[:, :5]
    with pytest.raises(ValueError, match=r"Inputs have shape \[12, 5\]; \w+ expects \[n, 4\]"):
        tl.fine_tune(head, (vectors, LABELS), base=head.layers[0])
    vectors = np.where(vectors == vectors[2, 1], np.nan, vectors)[:, :4]
    with pytest.raises(ValueError, match=r"1 of 12 inputs hold NaN .*inputs\[2\]"):
        tl.fine_tune(head, (vectors, LABELS), base=head.layers[0])
    spectrograms = 90 * IMAGES[..., :1] - 80
    inner = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    sound = keras.Sequential([keras.Input((8, 8, 1)), inner, keras.layers.Dense(3)])
    fine_tuned(spectrograms, of=sound)
    fine_tuned(spectrograms[..., 0], of=sound)  # Keras adds the last axis


LABEL_FORMS = {
    "list": LABELS.tolist,
    "floats": lambda: LABELS.astype(float),
    "uint8": lambda: LABELS.astype(np.uint8),
    "column": lambda: LABELS[:, None],
    "Series": lambda: pd.Series(LABELS),
    "Int64": lambda: pd.Series(LABELS, dtype="Int64"),
    "frame": lambda: pd.DataFrame({"label": LABELS}),
    "objects": lambda: LABELS.astype(object),
    "tensor": lambda: tf.constant(LABELS),
    "torch": lambda: Tensor(LABELS),
}
FEATURES = IMAGES.reshape(12, -1)
CLASSIFIER = tl.ZeroShotClassifier(np.eye(3), NAMES)
LABEL_ENTRANCES = {
    "fine_tune": lambda y: fine_tuned(IMAGES, y),
    "score": lambda y: task().score(y, y),
    "calibrate": lambda y: CLASSIFIER.calibrate(FEATURES[:, :3], y).temperature,
    "rank_backbones": lambda y: tl.rank_backbones(IMAGES, y, {"p": tl.raw_pixels}, folds=2)[
        "score"
    ]["LogME"],
    "log_me": lambda y: transferability.log_me(FEATURES, y),
    "h_score": lambda y: transferability.h_score(FEATURES, y),
    "leep": lambda y: transferability.leep(np.full((12, 2), 0.5), y),
    "scores_by_group": lambda y: tl.scores_by_group(y, LABELS),
}


@each(LABEL_ENTRANCES)
def test_every_form_of_labels_is_understood(entrance):
    """Numbers are numbers, however they are kept."""
    want = LABEL_ENTRANCES[entrance](LABELS)
    for name, make in LABEL_FORMS.items():
        found = LABEL_ENTRANCES[entrance](make())
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6, err_msg=name)


BAD_LABELS = {
    "NaN": (lambda: np.where(LABELS == 2, np.nan, LABELS), ValueError, "hold NaN .* 4 of 12 pla"),
    "halves": (lambda: LABELS + 0.5, ValueError, r"type float64, such as 0\.5; whole numbers 0, 1"),
    "split": (lambda: tl.Split(IMAGES, LABELS, LABELS), TypeError, r"Split; .*: split\.labels"),
    "none": (lambda: None, TypeError, "came as a NoneType"),
    "dates": (lambda: np.full(12, "2026-01-01", "M8[D]"), TypeError, r"type datetime64\[D\]"),
    "missing": (lambda: [None, *LABELS[1:]], TypeError, "type object, such as None"),
}


@pytest.mark.parametrize("form", BAD_LABELS)
def test_bad_labels_are_refused_with_the_same_sentence(form):
    """In every entrance."""
    make, error, sentence = BAD_LABELS[form]
    for enter in LABEL_ENTRANCES.values():
        with pytest.raises(error, match=sentence):
            enter(make())


def test_names_in_place_of_numbers():
    """Refused where outputs are numbered, with the line to write; the others compare names."""
    taken = {"rank_backbones", "log_me", "h_score", "leep"}
    for names in (NAMES[LABELS], NAMES[LABELS].tolist(), pd.Series(NAMES[LABELS])):
        for name in ("fine_tune", "score", "calibrate"):
            with pytest.raises(TypeError, match=r"such as 'cat'; .*class_names\.index\(name\)"):
                LABEL_ENTRANCES[name](names)
        for name in taken:
            found = LABEL_ENTRANCES[name](names)
            np.testing.assert_allclose(found, LABEL_ENTRANCES[name](LABELS))
        table = tl.scores_by_group(names, NAMES[LABELS].tolist())
        assert table.accuracy["all"] == 1


@pytest.mark.parametrize(
    ("labels", "classes", "sentence"),
    [
        (LABELS + 1, 3, "Training labels go from 1 to 3, but there are 3 classes.*labels - 1"),
        (LABELS, 2, "labels go from 0 to 2, but there are 2 classes, 0 to 1. End the head of"),
        (LABELS - 1, 3, r"labels go from -1 to 1, but there are 3 classes, 0 to 2\.$"),
        (np.eye(4)[LABELS], 3, r"one-hot of 4 classes, but \w+ has 3 outputs\. End .* Dense\(4\)"),
        (LABELS[:-1], 3, "12 inputs, 11 labels; .* of the same split"),
    ],
)
def test_labels_and_outputs(labels, classes, sentence):
    """Before anything is trained."""
    with pytest.raises(ValueError, match=sentence):
        tl.fine_tune(model(classes), (IMAGES, labels), verbose=0)


@pytest.mark.parametrize("loss", [None, "sparse_categorical_crossentropy"])
def test_numbers_on_both_sides(loss):
    """One-hot rows on one side only are refused, whoever chose the loss; the way out works."""
    of, rows = model(), keras.utils.to_categorical(LABELS, 3)
    if loss:
        of.compile("adam", loss)
    with pytest.raises(ValueError, match=r"Validation labels are one-hot.*argmax\(axis=1\)"):
        fine_tuned(IMAGES, validation=(IMAGES, rows), of=of)
    fine_tuned(IMAGES, validation=(IMAGES, rows.argmax(axis=1)), of=of)


@pytest.mark.parametrize("loss", [None, "categorical_crossentropy"])
def test_rows_on_both_sides(loss):
    """The same the other way round; columns of pandas are rows, too."""
    of, rows = model(), pd.get_dummies(LABELS)
    if loss:
        of.compile("adam", loss)
    with pytest.raises(ValueError, match=r"Validation labels are whole.*to_categorical\(labels, 3"):
        fine_tuned(IMAGES, rows, validation=(IMAGES, LABELS), of=of)
    fine_tuned(IMAGES, rows, validation=(IMAGES, np.eye(3)[LABELS]), of=of)


@pytest.mark.slow
def test_other_losses_take_what_they_like():
    """Regression, several labels a picture, classes to be ignored."""
    for loss, labels in (
        ("mse", IMAGES[:, 0, 0]),
        ("binary_crossentropy", np.round(IMAGES[:, 0, 0])),
        (keras.losses.SparseCategoricalCrossentropy(True, ignore_class=255), LABELS),
    ):
        of = model()
        of.compile("adam", loss)
        fine_tuned(IMAGES, labels, of=of)


def test_data_sets():
    """Their first batch is looked at; a label beyond the outputs is named wherever it stands."""

    def data(images, labels):
        return tf.data.Dataset.from_tensor_slices((images, labels))

    for given, sentence in (
        (data(BYTES, LABELS).batch(4), "type uint8; .*Divide by 255"),
        (data(IMAGES, NAMES[LABELS]).batch(4), "such as b'cat'; whole numbers"),
        (data(IMAGES, LABELS), r"single samples; give batches: data\.batch\(32\)"),
        (
            data(IMAGES, np.sort(LABELS) + 1).batch(4),
            "A batch holds label 3, but there are 3 class",
        ),
    ):
        of = model()
        start = of.get_weights()
        with pytest.raises((TypeError, ValueError), match=sentence):
            tl.fine_tune(of, given, epochs=(1, 0), verbose=0)
        for before, after in zip(start, of.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)


def test_pictures_are_shown_in_any_form():
    """Bytes as they are; a Split, or floats up to 255, are refused like everywhere."""
    shown = [tl.plots.image_grid(x).images[0].get_array() for x in (BYTES, np.float32(BYTES) / 255)]
    np.testing.assert_allclose(*shown, atol=1e-6)
    with pytest.raises(ValueError, match=r"range from .*Divide by 255"):
        tl.plots.image_grid(255 * IMAGES)
    with pytest.raises(TypeError, match=r"came as a Split; .*split\.images"):
        tl.plots.image_grid(tl.Split(IMAGES, LABELS, LABELS))


def test_vectors():
    """A Split in place of its features gets the line to write."""
    few = tl.Split(IMAGES, LABELS, LABELS)
    for enter in (CLASSIFIER.predict, lambda x: tl.CrossSpaceMap(x, x)):
        with pytest.raises(TypeError, match=r"came as a Split; .*tl\.extract_features\(layer, sp"):
            enter(few)
    assert CLASSIFIER.predict(pd.DataFrame(np.eye(3))).tolist() == [0, 1, 2]


def test_the_doctor_takes_the_same_forms():
    """It looks for what is wrong with numbers itself, and is given nothing but numbers."""
    of = model()
    of.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(TypeError, match=r"class_names\.index\(name\)"):
        tl.doctor(of, (IMAGES, NAMES[LABELS]))
    with pytest.raises(ValueError, match="are swapped"):
        tl.doctor(of, (LABELS, IMAGES))
    with pytest.raises(TypeError, match=r"came as a Split; .*split\.images"):
        tl.doctor(of, (tl.Split(IMAGES, LABELS, LABELS), LABELS))


@pytest.mark.parametrize("count", [10.0, 2.5, "ten", None, True, [1], 61])
def test_few_says_what_is_valid(count):
    """From one label a class to as many as the smallest class has."""
    with pytest.raises((TypeError, ValueError), match=r"a whole number from 1 to 60 .*smallest cl"):
        task().few(count)


def test_layerwise_lists_the_optimizers():
    """All that it names can be given."""
    with pytest.raises(
        ValueError, match=r"optimizer is 'adamm'; .* is expected: .*adam, .*sgd"
    ) as e:
        tl.layerwise("adamm", decay=0.5)
    for name in str(e.value).rstrip(".").rsplit(": ")[-1].split(", "):
        assert isinstance(tl.layerwise(name, decay=0.5), keras.optimizers.Optimizer)
