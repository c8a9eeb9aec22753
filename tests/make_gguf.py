"""A tiny Llama with random weights in a GGUF file, and what it computes, in NumPy."""

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, PAIRS, INNER, CONTEXT = 3, 32, 4, 2, 48, 64
SIZE = WIDTH // HEADS
BASE, EPSILON = 1000.0, 1e-5
MERGES = ["Ġ a", "t h", "th e", "Ġ the", "c a", "ca t", "Ġ cat"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def byte_letters():
    """The letters by which GPT-2 writes the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = dict(zip(plain, plain, strict=True))
    letters |= {byte: 256 + i for i, byte in enumerate(others)}
    return [chr(letters[byte]) for byte in range(256)]


def words():
    return [*SPECIAL, *byte_letters(), *(merge.replace(" ", "") for merge in MERGES)]


def random_weights(seed=0):
    """Weights by their names in the file, as `[outputs, inputs]`."""
    rng = np.random.default_rng(seed)
    shapes = {"token_embd": (len(words()), WIDTH), "output_norm": (WIDTH,)}
    for i in range(LAYERS):
        own = {
            "attn_q": (WIDTH, WIDTH),
            "attn_k": (PAIRS * SIZE, WIDTH),
            "attn_v": (PAIRS * SIZE, WIDTH),
            "attn_output": (WIDTH, WIDTH),
            "ffn_gate": (INNER, WIDTH),
            "ffn_up": (INNER, WIDTH),
            "ffn_down": (WIDTH, INNER),
            "attn_norm": (WIDTH,),
            "ffn_norm": (WIDTH,),
        }
        shapes |= {f"blk.{i}.{name}": shape for name, shape in own.items()}
    return {
        name: rng.normal(len(shape) == 1, 0.3, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def write(path, *, seed=0, architecture="llama", tokens="smollm", output=False, quantised=False):
    """Write the file; `quantised` stores the embedding in 4 bits, as the published file does."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(PAIRS)
    writer.add_rope_freq_base(BASE)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_vocab_size(len(words()))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(tokens)
    writer.add_token_list(words())
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(words()) - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    kind = gguf.GGMLQuantizationType.Q4_1
    for name, weight in random_weights(seed).items():
        if quantised and name == "token_embd":
            writer.add_tensor(f"{name}.weight", gguf.quants.quantize(weight, kind), raw_dtype=kind)
        else:
            writer.add_tensor(f"{name}.weight", weight)
    if output:
        writer.add_tensor("output.weight", random_weights(seed)["token_embd"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def normed(x, scale):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + EPSILON) * scale


def turned(x):
    """Rotary positions (Su et al., 2021): neighbours turn by an angle that grows with the place."""
    rates = BASE ** (-np.arange(0, SIZE, 2) / SIZE)
    angles = np.arange(x.shape[0])[:, None, None] * rates
    a, b = x[..., 0::2], x[..., 1::2]
    first, second = a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)
    return np.stack([first, second], axis=-1).reshape(x.shape)


def scores(x, weight, own):
    """Attention of all heads `[heads, to, from]` in a layer that is given x."""
    n, tokens = normed(x, weight[own + "attn_norm"]), len(x)
    q = turned((n @ weight[own + "attn_q"].T).reshape(tokens, HEADS, SIZE))
    k = turned((n @ weight[own + "attn_k"].T).reshape(tokens, PAIRS, SIZE))
    k = np.repeat(k, HEADS // PAIRS, axis=1)
    found = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(SIZE)
    found = np.where(np.tri(tokens, dtype=bool), found, -np.inf)
    found = np.exp(found - found.max(axis=-1, keepdims=True))
    return found / found.sum(axis=-1, keepdims=True)


def layer(x, weight, own):
    """What a layer makes of x `[tokens, width]`."""
    n = normed(x, weight[own + "attn_norm"])
    v = (n @ weight[own + "attn_v"].T).reshape(len(x), PAIRS, SIZE)
    v = np.repeat(v, HEADS // PAIRS, axis=1)
    mixed = np.einsum("hqk,khd->qhd", scores(x, weight, own), v).reshape(len(x), WIDTH)
    x = x + mixed @ weight[own + "attn_output"].T
    n = normed(x, weight[own + "ffn_norm"])
    gate = n @ weight[own + "ffn_gate"].T
    opened = gate / (1 + np.exp(-gate)) * (n @ weight[own + "ffn_up"].T)
    return x + opened @ weight[own + "ffn_down"].T


def logits(tokens, seed=0):
    """Logits `[tokens, vocabulary]` of the whole network."""
    weight = random_weights(seed)
    x = weight["token_embd"][list(tokens)].astype(np.float64)
    for i in range(LAYERS):
        x = layer(x, weight, f"blk.{i}.")
    return normed(x, weight["output_norm"]) @ weight["token_embd"].T
