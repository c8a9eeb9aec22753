"""Pictures in rows: samples of each class, what a layer looks for, what its maps show."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ..images.lazy_images import Images, as_images
from ..runtime.checks import whole_number
from .alternative_text import describe
from .styles import new_axes, rgb, same_length, tile


def image_grid(
    images: Images,
    titles: Sequence[str] | None = None,
    columns: int = 10,
    ax: Axes | None = None,
    row_names: Sequence[str] | None = None,
) -> Axes:
    """Draw pictures in rows, with a title under each and a name beside each row if wanted.

    Images are `[n, height, width]` or `[n, height, width, 3]` in `[0, 1]`. There are fewer columns,
    and larger ones, where titles would run into one another.

    Examples
    --------
    >>> ax = image_grid(np.zeros((2, 8, 8, 3)), ["a", "b"])
    """
    images = as_images(images)
    titles = [""] * len(images) if titles is None else [str(title) for title in titles]
    same_length(images=images, titles=titles)
    images = rgb(images)
    longest = max(len(line) for title in titles for line in title.split("\n"))
    larger = max(1.0, longest / 12)  # about 12 characters fit under a picture of 0.75 inches
    columns = max(1, min(int(columns / larger), len(images)))
    rows = -(-len(images) // columns)
    if row_names is not None and len(row_names) != rows:
        raise ValueError(
            f"Got {len(row_names)} row_names; {len(images)} images, {columns} a row, "
            f"make {rows} rows. One name a row is expected."
        )
    height, width = images.shape[1:3]
    lines = max(title.count("\n") + 1 if title else 0 for title in titles)
    label = round(0.22 * height * lines / larger)
    gap = max(1, width // 16)
    sheet = np.ones((rows * (height + label + gap), columns * (width + gap), 3))
    side = 0.75 * larger
    ax = new_axes(ax, side * columns, side * rows * (height + label) / width)
    for i, (image, title) in enumerate(zip(images, titles, strict=True)):
        y, x = i // columns * (height + label + gap), i % columns * (width + gap)
        sheet[y : y + height, x : x + width] = image
        ax.text(x + width / 2, y + height, title, ha="center", va="top", fontsize=8)
    for row, name in enumerate(() if row_names is None else row_names):
        y = row * (height + label + gap) + height / 2
        ax.text(-gap, y, name, ha="right", va="center", fontsize=8)
    ax.imshow(sheet, interpolation="nearest")
    ax.set_axis_off()
    text = f"{_count(images)} in {rows} row{'s' * (rows > 1)}"
    if row_names is not None:
        text += f", from top to bottom: {_listed(row_names)}"
    if any(titles):
        text += f". Under them: {_listed(titles)}"
    describe(ax, f"{text}.")
    return ax


def sheet(
    images: Images,
    labels: Sequence[int] | np.ndarray,
    class_names: Sequence[str],
    per_class: int = 8,
    columns: int = 2,
    ax: Axes | None = None,
) -> Axes:
    """Draw the first pictures of each class in a row of their own, the class name above it.

    Images are `[n, height, width]` or `[n, height, width, 3]` in `[0, 1]`, labels int `[n]`. The
    rows stand in `columns` columns, to be read downwards.

    Examples
    --------
    >>> ax = sheet(np.zeros((4, 8, 8, 3)), [0, 1, 0, 1], ["cat", "dog"])
    """
    whole_number(per_class, "per_class")
    whole_number(columns, "columns")
    labels = np.asarray(labels)
    same_length(images=images, labels=labels)
    images = as_images(images)
    columns = min(columns, len(class_names))
    rows = -(-len(class_names) // columns)
    wide, high = per_class + 0.6, 1.36  # of a row, in pictures
    size = 8.5 / (columns * wide)  # inches of a picture
    width, height = columns * wide - 0.6, rows * high
    ax = new_axes(ax, width * size, height * size)
    for label, name in enumerate(class_names):
        left, top = label // rows * wide, height - label % rows * high
        ax.text(left + 0.03, top - 0.3, name, fontsize=10, va="baseline")
        places = np.flatnonzero(labels == label)[:per_class]
        for place, image in enumerate(rgb(images[places]) if len(places) else ()):
            tile(ax, image, left + place + 0.03, top - high + 0.03, 0.94)
    _frame(ax, width, height)
    describe(
        ax,
        f"Up to {per_class} pictures of each of {len(class_names)} classes: "
        f"{_listed(class_names)}.",
    )
    return ax


def filters(weights: np.ndarray, columns: int = 8, ax: Axes | None = None) -> Axes:
    """Draw the filters of a first layer, `[height, width, 3, n]`, as n small pictures.

    Grey stands for a weight of zero. Each filter is scaled by its own largest weight.

    Examples
    --------
    >>> ax = filters(np.random.default_rng(0).normal(size=(3, 3, 3, 16)))
    """
    weights = np.asarray(weights, np.float32)
    if weights.ndim != 4 or weights.shape[2] not in (1, 3) or not weights.size:
        raise ValueError(
            f"The weights have shape {list(weights.shape)}; [height, width, 3, n] is expected, as "
            "the kernel of a first convolution has it."
        )
    largest = np.maximum(np.abs(weights).max((0, 1, 2)), 1e-12)
    pictures = rgb(np.moveaxis(0.5 + weights / largest / 2, -1, 0))
    count = len(pictures)
    columns = min(whole_number(columns, "columns"), count)
    rows = -(-count // columns)
    ax = new_axes(ax, 0.8 * columns, 0.8 * rows)
    for i, picture in enumerate(pictures):
        x, y = i % columns, rows - 1 - i // columns
        tile(ax, picture, x + 0.05, y + 0.05, 0.9, interpolation="nearest")
    _frame(ax, columns, rows)
    colour = np.abs(weights - weights.mean(2, keepdims=True)).max((0, 1, 2)) / largest
    text = f"{count} filters of {weights.shape[0]} x {weights.shape[1]} pixels"
    if weights.shape[2] == 3:
        text += (
            f"; {int((colour > 0.3).sum())} of them are clearly coloured, the others nearly grey"
        )
    describe(ax, f"{text}.")
    return ax


def activation_maps(
    maps: Mapping[str, np.ndarray],
    strongest: int = 6,
    photo: np.ndarray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what the blocks of a network make of one picture: a row a block, its strongest channels.

    Maps are `[height, width, channels]`, under the name of their block, the first block first.
    Bright is active; each map is scaled by its own largest value. A channel is strong when its
    mean is large. The photo `[height, width, 3]` in `[0, 1]`, if given, stands above.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> ax = activation_maps({"block1": rng.random((8, 8, 12)), "block2": rng.random((4, 4, 24))})
    """
    whole_number(strongest, "strongest")
    if not maps:
        raise ValueError("Nothing to draw: maps is empty.")
    arrays = {str(name): np.asarray(array, np.float32) for name, array in maps.items()}
    for name, array in arrays.items():
        if array.ndim != 3:
            raise ValueError(
                f"The maps of {name!r} have shape {list(array.shape)}; [height, width, channels] "
                "of one picture is expected."
            )
    rows = len(arrays) + (photo is not None)
    margin = 1.9  # for names, in pictures
    ax = new_axes(ax, 0.95 * (margin + strongest), 0.95 * rows)
    if photo is not None:
        tile(ax, rgb(np.asarray(photo)[None])[0], margin + 0.03, rows - 0.97, 0.94)
        ax.text(margin - 0.1, rows - 0.5, "the picture", ha="right", va="center", fontsize=10)
    texts = []
    for row, (name, array) in enumerate(arrays.items(), rows - len(arrays)):
        y = rows - 1 - row
        high, wide, channels = array.shape
        size = f"{wide} × {high}, {channels} maps"
        ax.text(margin - 0.1, y + 0.5, f"{name}\n{size}", ha="right", va="center", fontsize=9)
        order = np.argsort(-array.mean((0, 1)), kind="stable")[:strongest]
        for place, channel in enumerate(order):
            one = np.maximum(array[..., channel], 0)
            one = one / max(float(one.max()), 1e-12)
            x = margin + place
            tile(
                ax, one, x + 0.03, y + 0.03, 0.94, cmap="gray", vmin=0, vmax=1,
                interpolation="nearest",
            )  # fmt: skip
        texts.append(f"{name} ({size})")
    _frame(ax, margin + strongest, rows)
    describe(
        ax,
        f"The {strongest} strongest maps of one picture in each block, bright where active. From "
        f"top to bottom: {'; '.join(texts)}.",
    )
    return ax


def _frame(ax, width, height):
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.set_axis_off()


def _count(images):
    return f"{len(images)} picture{'s' * (len(images) > 1)}"


def _listed(names, most=12):
    names = [" ".join(str(name).split()) for name in names]
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join(names[:most] + more)
