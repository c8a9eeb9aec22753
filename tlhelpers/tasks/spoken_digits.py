"""The task of spoken digits: synthetic voices to learn from, real speakers to understand."""

import functools

import numpy as np
import pandas as pd

from ..runtime.checks import one_of
from ..speech.one_word import SAMPLES, one_word
from ..speech.read_audio import load_soundfile, read_audio
from ..storage.find import Published, find_files
from ..storage.find_module import data_dir
from .split import AudioSplit
from .task import AudioTask

PACKAGE = "spokennumbers==1.0.0"  # its recordings are read, its code is never imported
LANGUAGES = ("English", "Spanish", "French", "Italian", "Russian")
NAMES = tuple("0123456789")
_SOURCE = "clips rendered by eSpeak NG, prompts of telephone systems, and the package spokennumbers"
_PUBLISHED = Published(
    name="recording of a real speaker (spokennumbers)",
    files={
        "0.wav": "a9175fdb3ed837aff3fdde39c4e4fe88382defe25d77405c853fbcd923eb4468",
        "1.wav": "04c4a0325cfa49173470299103548f2175f311607fe9ac81a6cae1ff7e445462",
        "2.wav": "b6377e4a21f063be32a1882a32a8aeb3480fe606fe50f358a43c1fff1161a74d",
        "3.wav": "79d81dcc20ce070fd7981a31c5d74bba345225354ed0d3e98b6857c12be4cdc5",
        "4.wav": "195f75f24bb81724d24c4b2f19a81eccfb0bd90eb90a7fcee979934e8e7cad59",
        "5.wav": "b6bc5b532adc22f27a2d2ec30014138b42d7d79dd96f45bd3ef448ddd11fb6f0",
        "6.wav": "cb2caeebbf970b4b90dba98c9ef5da03755c945907aa691d73c67979813a283f",
        "7.wav": "8ab9a0dfeba98ea1ebc2b55f5ef2b7c13f71b47f07966f820896c6d5500fcfa2",
        "8.wav": "15284c0875adad0a6aa8543a433ee385e699d6bbe0e6ef994cdf478d5d1573f5",
        "9.wav": "7f26083a2ffdb87832f8f378247e1bdfd36c834bde2c854fe2175a87744da8e5",
    },
    address=None,
    place="datasets/spokennumbers",
    package=PACKAGE,
    inside="spokennumbers/default",
    megabytes=1,
)


def load_spoken_digits(language: str = "English") -> AudioTask:
    """Return the task "spoken_digits": which digit from 0 to 9 did somebody say?

    Synthetic voices (eSpeak NG) of several accents are `train`; voices of another timbre are
    `validation`, in English together with one real speaker. `test` holds real speakers alone. No
    voice stands in two splits. Each clip is one word, as `one_word` cuts it; ten clips a voice.

    The real speaker of the English test is read from a package (spokennumbers, MIT).
    ConnectionError, which says how to install it, where it is missing; ImportError without
    soundfile; ValueError for a language that there is not.
    """
    table, clips = _embedded()
    wanted = np.flatnonzero(table["language"] == one_of(language, "language", LANGUAGES))
    table, clips = table.iloc[wanted], clips[wanted]
    if language == "English":
        folder = find_files(_PUBLISHED)
        spoken = np.stack([one_word(read_audio(folder / f"{name}.wav")) for name in NAMES])
        row = ["spokennumbers", "recorded", "English", "English", "test", "MIT"]
        table = pd.concat([table, pd.DataFrame([row], columns=table.columns)], ignore_index=True)
        clips = np.concatenate([clips, spoken[None]])
    digits = np.tile(np.arange(len(NAMES)), len(table))
    clips = clips.reshape(-1, SAMPLES)
    details = table.loc[table.index.repeat(len(NAMES))].reset_index(drop=True)
    train, validation, test = (
        AudioSplit(clips[rows], digits[rows], rows)
        for name in ("train", "validation", "test")
        for rows in [np.flatnonzero(details["split"] == name)]
    )
    terms = ", ".join(sorted(set(details["licence"])))
    details = details.drop(columns=["split", "licence"])
    return AudioTask(
        "spoken_digits", NAMES, train, validation, test, details, source=_SOURCE, licence=terms
    )


@functools.cache
def _embedded():
    """What each voice is, and its clips `[voices, 10, samples]`, of those in the package."""
    folder = data_dir() / "spoken_digits"
    clips, _ = load_soundfile().read(folder / "clips.flac", dtype="float32")
    table = pd.read_csv(folder / "voices.csv")
    clips = clips.reshape(len(table), len(NAMES), SAMPLES)
    clips.flags.writeable = False  # kept for the next call
    return table, clips
