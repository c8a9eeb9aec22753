"""Several looks at each picture."""

import copy

import numpy as np

from .check_images import check_images
from .lazy_images import ImageFiles, Images
from .transform_images import transform_images


def crop_views(images: Images, part: float = 0.75) -> list[Images]:
    """Return seven looks at each picture: its middle square, all of it, and five smaller squares.

    The squares lie in the corners and in the middle, and are resized to the size of the images.
    Averaging what a network says of several crops: Krizhevsky, Sutskever and Hinton, "ImageNet
    classification with deep convolutional neural networks" (2012).

    Parameters
    ----------
    images : array or LazyImages `[n, height, width, 3]`
        Parts of pictures in files are cut out of the files, sides beyond the middle square too.
        For square images the first two looks are the same, and one of them is left out.
    part : float
        Side of the smaller squares, as a share of the picture's shorter side.

    Examples
    --------
    >>> import numpy as np
    >>> len(crop_views(np.zeros((2, 8, 8, 3), "float32")))
    6
    """
    if not 0 < part <= 1:
        raise ValueError(f"part is {part!r}; a share of the shorter side, up to 1, is expected.")
    images = check_images(images)
    places = [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)]
    if not isinstance(images, ImageFiles):
        looks = [transform_images(images, _part, share=part, place=place) for place in places]
        return [images, *looks]
    crops = [None, *((part, *place) for place in places)]
    files = [copy.copy(images) for _ in crops]
    for look, crop in zip(files, crops, strict=True):
        look.crop = crop
    return [images, *files]


def _part(images, share, place):
    import keras

    height, width = images.shape[1:3]
    high, wide = round(share * height), round(share * width)
    left, top = round((width - wide) * place[0]), round((height - high) * place[1])
    cut = images[:, top : top + high, left : left + wide]
    return np.asarray(keras.ops.image.resize(cut, (height, width)))
