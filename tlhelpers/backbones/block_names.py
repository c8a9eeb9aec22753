"""Blocks of a pretrained network, read from the names of its weights."""

import re
from collections.abc import Sequence
from itertools import takewhile

from ..runtime.checks import whole_number

# up to the first number, where the 2 of "conv2d" is none: block_1_expand_BN, conv2_block1_1_conv
_NUMBERED = re.compile(r"(.*?(?:(?<!onv)\d+[a-z]?|(?<=onv)\d+(?!d)))(?=_|$)")
_ROLES = re.compile(
    r"(?<=.)(_(bn|batchnorm|norm|conv|dwconv|depthwise|project|expand))+$", re.IGNORECASE
)


def name_blocks(names: list[str]) -> list[str]:
    """Return the block of each weight, from the weights' names.

    A block is what comes up to the first number: `block_1` of `block_1_expand_BN/gamma`,
    `transformer/layer_0` of `transformer/layer_0/attention/kernel`; without a number it is the
    first part of the name, without its role: `stem` of `stem_bn/gamma`. Parts that all names begin
    with are left out.

    >>> name_blocks(["net/stem_conv/kernel", "net/block1a_bn/gamma", "net/block1b_conv/kernel"])
    ['stem', 'block1a', 'block1b']
    """
    start = len(common_prefix(names))
    return [_block(name[start:].split(":")[0].split("/")) for name in names]


def common_prefix(names: list[str]) -> str:
    """Return what all names begin with, as `resnet_v2_50/`, if two parts are left of each."""
    columns = zip(*(name.split("/")[:-2] for name in names), strict=False)
    return "".join(f"{column[0]}/" for column in takewhile(lambda c: len(set(c)) == 1, columns))


def _block(path):
    folders = path[:-1] or path
    for depth, part in enumerate(folders):
        numbered = _NUMBERED.match(re.sub(r"^bn_", "", part, flags=re.IGNORECASE))
        if numbered:
            return "/".join([*folders[:depth], numbered[1]])
    return _ROLES.sub("", folders[0])


def choose_blocks(
    known: list[str], blocks: Sequence[str] | str | None = None, last: int | None = None
) -> list[str]:
    """Return the known blocks that are meant: by name, or the last ones, or all."""
    if blocks is not None and last is not None:
        raise ValueError("Give names of blocks or last=, not both.")
    if last is not None:
        return known[-whole_number(last, "last", 1, len(known), f"The blocks: {known}.") :]
    chosen = known if blocks is None else [blocks] if isinstance(blocks, str) else list(blocks)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"Unknown blocks {unknown}. The blocks: {known}.")
    return chosen
