"""Tasks made of texts: summaries of SciPy's functions (installed), AG News (mirror or internet)."""

import csv
import dataclasses
import hashlib
import html
import importlib
import inspect
import re

import numpy as np

from ..storage.find import find_file
from .split import TextSplit
from .task import TextTask


def _split(name, texts, labels, keys, class_names, source, licence, names=None):
    """Samples by a hash of their key: 40 in 100 train, 30 validate, 30 test, at any size."""
    place = np.array([int(hashlib.sha256(key.encode()).hexdigest(), 16) % 10 for key in keys])
    names = None if names is None else np.array(names, object)
    everything = TextSplit(np.array(texts, object), np.array(labels), np.arange(len(texts)), names)
    parts = (everything.take(part) for part in (place < 4, (place >= 4) & (place < 7), place >= 7))
    return TextTask(name, tuple(class_names), *parts, source, licence)


# Sub-packages of SciPy that a reader can tell apart, with the words that would give each away.
_TOPICS = {
    "cluster": r"cluster\w*",
    "fft": r"i?r?fft\w*|fourier",
    "integrate": r"integra\w*",
    "interpolate": r"interpola\w*",
    "linalg": r"linear algebra|linalg",
    "ndimage": r"n-?d image\w*|images?|ndimage",
    "optimize": r"optimi\w*",
    "signal": r"signals?",
    "spatial": r"spatial\w*",
    "special": r"special\w*",
    "stats": r"statistic\w*|stats",
}
_PARTS = {  # modules with functions of a topic that its own name space does not show
    "cluster": ("hierarchy", "vq"),
    "spatial": ("distance", "transform"),
    "stats": ("mstats", "qmc"),
}


def load_scipy() -> TextTask:
    """Return the task "scipy": the first sentence of what SciPy says of each public function.

    The sub-package is the label; `names` are those of the functions, as `fft.rfft`. Names of
    sub-packages and mark-up are taken out of the sentences. Those with fewer than three words left
    are left out, and those that stand in more than one sub-package. What there is depends a little
    on the version of SciPy. Balanced accuracy is the metric, because topics differ in number.
    """
    found: dict[str, dict[str, str]] = {}  # sentence -> topic -> key of the function that has it
    for topic in _TOPICS:
        package = importlib.import_module(f"scipy.{topic}")
        parts = [importlib.import_module(f"scipy.{topic}.{part}") for part in _PARTS.get(topic, ())]
        for module in (package, *parts):
            for name in getattr(module, "__all__", ()):
                text = _summary(getattr(module, name, None), name)
                if len(text.split()) >= 3:
                    found.setdefault(text, {}).setdefault(topic, f"{topic}.{name}")
    kept = sorted((*keys.values(), text) for text, keys in found.items() if len(keys) == 1)
    keys, texts = zip(*kept, strict=True)
    labels = [list(_TOPICS).index(key.split(".")[0]) for key in keys]
    source = "summaries of the functions of the installed SciPy"
    task = _split("scipy", texts, labels, keys, _TOPICS, source, "BSD-3-Clause", names=keys)
    return dataclasses.replace(task, metric="balanced_accuracy")


_TOPIC_WORDS = re.compile(rf"\b({'|'.join(_TOPICS.values())})\b", re.IGNORECASE)


def _summary(thing, name):
    """First sentence of a docstring, in plain words; "" when there is none."""
    if not callable(thing) or not (text := inspect.getdoc(thing)):
        return ""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    paragraphs = [part for part in paragraphs if not part.startswith(f"{name}(")]  # a signature
    sentence = re.split(r"(?<=[.!?])\s", paragraphs[0])[0] if paragraphs else ""
    sentence = re.sub(r":\w+:|\[\d+\]_|[`*]|\\\w+", " ", sentence)
    return " ".join(_TOPIC_WORDS.sub(" ", sentence).split()).strip(" .,:;-")


_NEWS = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/test.csv"
_NEWS_CHECKSUM = "md5:d52ea96a97a2d943681189a97654912d"  # of 7,600 rows, as torchtext checked them
_NEWS_TOPICS = ("World", "Sports", "Business", "Sci/Tech")


def load_ag_news() -> TextTask:
    """Return the task "ag_news": title and description of news, from mirror, cache or internet.

    These are the 7,600 items of the test part of AG's corpus (Zhang, Zhao and LeCun,
    "Character-level convolutional networks for text classification", 2015), or as many as the
    mirror's file has.
    """
    path = find_file(_NEWS, "datasets/ag_news/test.csv", _NEWS_CHECKSUM)
    texts, labels = [], []
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file, strict=True)
        try:
            for row in rows:
                if len(row) != 3 or row[0] not in ("1", "2", "3", "4"):
                    raise ValueError(
                        f"{path}, line {rows.line_num}: {','.join(row)!r:.60}; a class from 1 to "
                        "4, a title and a description are expected."
                    )
                texts.append(" ".join(f"{_plain(row[1])}. {_plain(row[2])}".split()))
                labels.append(int(row[0]) - 1)
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path}, after line {rows.line_num}: not a table of news ({error})."
            ) from None
    if len(texts) < 10:
        raise ValueError(f"{path} holds {len(texts)} articles; ten at least are expected.")
    source = "AG's corpus of news articles, test part (Zhang, Zhao and LeCun, 2015)"
    licence = "for research; see the corpus"
    return _split("ag_news", texts, labels, texts, _NEWS_TOPICS, source, licence)


def _plain(text):
    """Without the mark-up that the corpus has kept, some of it broken."""
    text = re.sub(r"\s?#39;", "'", text.replace("\\", " "))
    text = re.sub(r"(?<!&)#(\d+);", r"&#\1;", text)
    text = re.sub(r"(?<!&)\b(amp|quot|lt|gt);", r"&\1;", text)
    return re.sub(r"</?[a-zA-Z][^>]*>", " ", html.unescape(html.unescape(text)))
