"""Pictures for the labelling widget: checked, enlarged, as PNG."""

import numpy as np

from ..images.lazy_images import Images, LazyImages, as_images

SIDE = 224  # pixels on the screen, for the longer side of a picture


def checked(images: Images) -> Images:
    """Return images as the widget can show them: uint8 or float in `[0, 1]`, grey or colour."""
    images = as_images(images)
    if isinstance(images, LazyImages):
        return images  # read one by one, when they are shown
    shape, kind = images.shape, images.dtype.kind
    if len(shape) < 3 or shape[3:] not in ((), (1,), (3,)):
        raise ValueError(f"Images have shape {list(shape)}; [n, height, width, 3] is expected.")
    if kind != "f" and images.dtype != np.uint8:
        raise ValueError(
            f"Images are of type {images.dtype}; float in [0, 1] or uint8 is expected."
        )
    if kind == "f" and len(images) and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"Images range from {images.min():.4g} to {images.max():.4g}; values in [0, 1] are "
            "expected. Divide by 255, or give uint8."
        )
    return images[..., 0] if shape[3:] == (1,) else images
