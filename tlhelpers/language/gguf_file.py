"""A small Llama out of a GGUF file: its settings, its weights in KerasHub's form, its tokens."""

from pathlib import Path
from typing import Any

import numpy as np

MEND = "Give the GGUF file of a model such as SmolLM2."


class GGUFFile:
    """What a GGUF file says (`said`), and its weights as float32.

    ValueError if it holds no Llama with byte-pair tokens whose output shares the embedding.
    """

    def __init__(self, path: Path) -> None:
        try:
            reader = _reader(path)
            self.said: dict[str, Any] = {
                name: field.contents() for name, field in reader.fields.items()
            }
        except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no whole GGUF file ({error}). {MEND}") from error
        self._stored = {tensor.name: tensor for tensor in reader.tensors}
        kind = self.said.get("general.architecture"), self.said.get("tokenizer.ggml.pre")
        if kind != ("llama", "smollm") or "output.weight" in self._stored:
            raise ValueError(
                f"{path} holds the architecture {kind[0]!r} with tokens {kind[1]!r}; a Llama with "
                f"tokens 'smollm' and one embedding for input and output is expected. {MEND}"
            )

    def weight(self, name: str) -> np.ndarray:
        """Return a weight as float32, as the file lays it out: `[outputs, inputs]`."""
        import gguf

        tensor = self._stored[f"{name}.weight"]
        found = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        return np.asarray(found, np.float32)

    def fill(self, backbone: Any) -> None:
        """Assign all weights to KerasHub's Llama."""
        width, heads = backbone.hidden_dim, backbone.num_query_heads
        size, pairs = width // heads, backbone.num_key_value_heads

        def dense(name):
            return self.weight(name).T

        def turned(name):
            """Neighbours turn together in the file; in KerasHub the halves of a head do."""
            rows = self.weight(name).reshape(-1, size // 2, 2, width)
            return rows.swapaxes(1, 2).reshape(-1, width).T

        backbone.token_embedding.embeddings.assign(self.weight("token_embd"))
        backbone.layer_norm.scale.assign(self.weight("output_norm"))
        for place, layer in enumerate(backbone.transformer_layers):
            own = f"blk.{place}."
            new = {
                "self_attention/query/kernel": turned(own + "attn_q").reshape(width, heads, size),
                "self_attention/key/kernel": turned(own + "attn_k").reshape(width, pairs, size),
                "self_attention/value/kernel": dense(own + "attn_v").reshape(width, pairs, size),
                "attention_output/kernel": dense(own + "attn_output").reshape(heads, size, width),
                "feedforward_gate_dense/kernel": dense(own + "ffn_gate"),
                "feedforward_intermediate_dense/kernel": dense(own + "ffn_up"),
                "feedforward_output_dense/kernel": dense(own + "ffn_down"),
                "self_attention_layernorm/scale": self.weight(own + "attn_norm"),
                "feedforward_layernorm/scale": self.weight(own + "ffn_norm"),
            }
            for variable in layer.variables:
                (value,) = (v for name, v in new.items() if variable.path.endswith(name))
                variable.assign(value)

    def tokenizer(self) -> Any:
        """Return its tokenizer: byte pairs, each digit by itself, as SmolLM2 was published."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        words, kinds = self.said["tokenizer.ggml.tokens"], self.said["tokenizer.ggml.token_type"]
        merges = [tuple(merge.split(" ")) for merge in self.said["tokenizer.ggml.merges"]]
        tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, merges))
        special = [word for word, kind in zip(words, kinds, strict=True) if kind == 3]
        tokenizer.add_special_tokens(special)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer


def _reader(path):
    import gguf

    class Reader(gguf.GGUFReader):
        """Slices of a memory map cost several times as much as those of a plain array."""

        def _get(self, *args, **options):
            self.data = self.data.view(np.ndarray)
            return super()._get(*args, **options)

    return Reader(path)
