import pytest

from tlhelpers.backbones import block_names

NAMES = {
    "mobilenet_v2/Conv1/kernel:0": "Conv1",
    "mobilenet_v2/bn_Conv1/gamma:0": "Conv1",
    "mobilenet_v2/expanded_conv_depthwise/kernel:0": "expanded",
    "mobilenet_v2/expanded_conv_project_BN/beta:0": "expanded",
    "mobilenet_v2/block_1_expand_BN/gamma:0": "block_1",
    "mobilenet_v2/block_16_project/kernel:0": "block_16",
    "mobilenet_v2/Conv_1_bn/gamma:0": "Conv_1",
}
OTHERS = [
    ("resnet_v2_50/block1/unit_1/bottleneck_v2/conv1/weights", "block1"),  # one prefix for all
    ("resnet_v2_50/conv1/weights", "conv1"),
    ("resnet_v2_50/logits/biases", "logits"),
]


def test_names_of_published_networks():
    """A block is what comes up to the first number; a prefix that all share is left out."""
    assert block_names.name_blocks(list(NAMES)) == list(NAMES.values())
    assert block_names.name_blocks([name for name, _ in OTHERS]) == [block for _, block in OTHERS]


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("conv2_block1_1_conv/kernel", "conv2"),  # ResNet50 of Keras
        ("block5d_se_reduce/kernel", "block5d"),  # EfficientNet
        ("stem_conv/kernel", "stem"),
        ("top_bn/gamma", "top"),
        ("conv2d_12/kernel", "conv2d_12"),  # the 2 of conv2d is no number of a block
        ("conv2d/kernel", "conv2d"),
        ("Mixed_5d/Branch_0/Conv2d_0a_1x1/weights", "Mixed_5d"),  # Inception
        ("transformer/layer_11/self_attention/query/kernel", "transformer/layer_11"),  # BERT
        ("word_embeddings/embeddings", "word_embeddings"),
        ("block1/conv/kernel", "block1"),
        ("kernel", "kernel"),
        ("Variable:0", "Variable"),
    ],
)
def test_one_name(name, block):
    """Each style of naming layers gives the block that its paper speaks of."""
    assert block_names.name_blocks([name, "other/bias"])[0] == block
