"""Make data/spoken_digits: the digits 0 to 9 by synthetic voices and by real speakers.

    apt install espeak-ng ffmpeg asterisk-core-sounds-{en,es,fr,it,ru}-g722 \\
        asterisk-prompt-it-menardi-wav
    python -m tools.render_spoken_digits

A few minutes. The synthetic voices are those of eSpeak NG: an accent of English, or a language, and
a variant (pitch and timbre). The recordings are prompts of telephone systems. Each clip loses its
silence, is scaled to the same height, and gets a slot of 1.2 s at 16 kHz; eight bits a sample.
`voices.csv` says what each voice is, in the order of the clips, and under which terms it is given.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from tlhelpers.speech.one_word import one_word
from tlhelpers.speech.read_audio import RATE, read_audio

FOLDER = Path(__file__).parents[1] / "data" / "spoken_digits"

WORDS = {
    "English": "zero one two three four five six seven eight nine",
    "Spanish": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "French": "zéro un deux trois quatre cinq six sept huit neuf",
    "Italian": "zero uno due tre quattro cinque sei sette otto nove",
    "Russian": "ноль один два три четыре пять шесть семь восемь девять",
}
ACCENTS = {  # of English, by eSpeak NG's names
    "America": "en-us",
    "Britain": "en-gb",
    "Lancaster": "en-gb-x-gbclan",
    "Birmingham": "en-gb-x-gbcwmd",
    "Scotland": "en-gb-scotland",
    "Caribbean": "en-029",
}
OTHERS = {"Spanish": "es-419", "French": "fr-fr", "Italian": "it", "Russian": "ru"}
# Variants change pitch and timbre: men's voices and women's. The last of them are to validate with.
VARIANTS = {"English": "m1 m3 m4 f1 m7 f4"}
FEWER = "m1 m3 f1 m7"  # of the other languages
VALIDATION = ("m7", "f4")
SOUNDS = Path("/usr/share/asterisk/sounds")
RECORDED = (  # speaker, language, folder, terms
    ("Allison Smith", "English", "en_US_f_Allison", "CC BY-SA 3.0"),
    ("Allison Smith", "Spanish", "es_MX_f_Allison", "CC BY-SA 3.0"),
    ("June Wallack", "French", "fr_CA_f_June", "CC BY-SA 3.0"),
    ("Carlo Flora", "Italian", "it_IT_m_Carlo", "CC BY 3.0"),
    ("Paola Dal Zot", "Italian", "it_IT_f_Menardi", "CC BY-SA 3.0"),
    ("Maxim Topal", "Russian", "ru_RU_f_IvrvoiceRU", "CC BY 3.0"),
)
SYNTHETIC = "Apache-2.0 (rendered by eSpeak NG)"


def spoken(word, voice, folder):
    """A word by a voice of eSpeak NG."""
    path = folder / "word.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-w", path, word], check=True)
    return read_audio(path)


def recorded(path, folder):
    """A recording; ffmpeg reads what telephone systems store."""
    wav = folder / "recorded.wav"
    command = ["ffmpeg", "-v", "error", "-y", "-i", path, "-ar", str(RATE), "-ac", "1", wav]
    subprocess.run(command, check=True)
    return read_audio(wav)


def voices(folder):
    """Yield what each voice is, and its ten clips."""
    named = [("English", accent, name) for accent, name in ACCENTS.items()]
    named += [(language, language, name) for language, name in OTHERS.items()]
    for language, accent, name in named:
        for variant in VARIANTS.get(language, FEWER).split():
            voice = f"{name}+{variant}"
            clips = [spoken(word, voice, folder) for word in WORDS[language].split()]
            split = "validation" if variant in VALIDATION else "train"
            yield (voice, "synthetic", language, accent, split, SYNTHETIC), clips
            print(voice, flush=True)
    for speaker, language, place, licence in RECORDED:
        paths = [next((SOUNDS / place / "digits").glob(f"{digit}.*[2v]")) for digit in range(10)]
        clips = [recorded(path, folder) for path in paths]
        split = "validation" if language == "English" else "test"
        yield (speaker, "recorded", language, language, split, licence), clips
        print(speaker, language, flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        table, clips = zip(*voices(Path(folder)), strict=True)
    slots = np.stack([one_word(clip) for each in clips for clip in each])
    FOLDER.mkdir(exist_ok=True)
    soundfile.write(FOLDER / "clips.flac", slots.ravel(), RATE, subtype="PCM_S8", format="FLAC")
    columns = ["voice", "kind", "language", "accent", "split", "licence"]
    table = pd.DataFrame(table, columns=columns)
    table.to_csv(FOLDER / "voices.csv", index=False, lineterminator="\n")
    print((FOLDER / "clips.flac").stat().st_size, "bytes,", len(table), "voices")


if __name__ == "__main__":
    sys.exit(main())
