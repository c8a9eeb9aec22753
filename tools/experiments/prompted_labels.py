"""A language model that sorts texts: without examples, with a few, plain and calibrated.

    python -m tools.experiments.prompted_labels [ag_news scipy]

An hour and a half on one core (AG News is from a mirror or the internet). A label's score is its
log-likelihood after the prompt. *Calibrated* takes away the scores of the same prompt with "N/A"
in place of the text (Zhao et al., 2021); *centred* takes away the mean scores of all texts that are
sorted, without their labels (Zhou et al., "Batch calibration", 2024). Prompts and descriptions were
written once. Beside it: counted words and MiniLM, which learn from the same examples, one of each
class. Rows are written as they come; a run that stands there is not repeated.
"""

import sys

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tools.experiments.few_labelled_texts import DESCRIPTIONS
from tools.experiments.runs import FOLDER, append, rows_with, some_of

RUNS = FOLDER / "prompted_labels.csv"
LABELS = {"ag_news": ["World", "Sports", "Business", "Technology"]}
LABELS["scipy"] = ["clusters", "Fourier", "integrals", "curves", "matrices", "images"]
LABELS["scipy"] += ["minimum", "signals", "distances", "functions", "statistics"]
WORDINGS = {
    "topic": "Text: {text}\nTopic:",
    "about": "{text}\nThis text is about",
    "question": "{text}\nQuestion: What is the topic? Answer:",
}
CHAT = "chat"  # as a question in the model's own form, with all labels named
NONE, EMPTY = "-", "N/A"
CHOICES, MOST = 5, 400
ORDERS = {"ag_news": (0, 1, 2, 5, 6), "scipy": range(5)}  # seeds of five different orders
KEY = ["task", "model", "wording", "examples", "choice", "order", "split"]
RESULTS = ["method", "score"]


class Prompted:
    """Runs on one task."""

    def __init__(self, name, most=MOST):
        self.task, self.labels = tl.load_task(name), LABELS[name]
        self.language_model, self.encoder = tl.load_language_model(), tl.TextEncoder()
        rng = np.random.default_rng(0)
        parts = {"validation": self.task.validation, "test": self.task.test}
        self.splits = {name: some_of(part, most, rng) for name, part in parts.items()}

    def examples(self, choice, order):
        """One labelled text of each class, in an order."""
        few = self.task.few(1, seed=choice)
        return few.take(np.random.default_rng([choice, order]).permutation(len(few.labels)))

    def prompts(self, texts, wording, few=None):
        """Prompts of texts, behind the examples."""
        if wording == CHAT:
            asked = f"Which topic is this text about: {', '.join(self.labels)}?\n\n"
            return [self.language_model.chat(asked + text) for text in texts]
        form = WORDINGS[wording]
        shown = zip(few.texts, few.labels, strict=True) if few is not None else ()
        before = [f"{form.format(text=text)} {self.labels[label]}\n\n" for text, label in shown]
        return ["".join(before) + form.format(text=text) for text in texts]

    def likelihoods(self, texts, wording, few=None):
        """Scores of all labels after each prompt, and after that with an empty text."""
        labels = self.labels if wording == CHAT else [f" {label}" for label in self.labels]
        found = self.language_model.log_likelihood(
            self.prompts([*texts, EMPTY], wording, few), labels, batch_size=16, progress=False
        )
        return found[:-1], found[-1]

    def prompted(self, split, wording, few=None):
        """Scores: plain, calibrated, centred."""
        scores, empty = self.likelihoods(split.texts, wording, few)
        ways = {"plain": scores, "calibrated": scores - empty}
        ways["centred"] = scores - scores.mean(axis=0)
        return {way: self.task.score(found, split.labels) for way, found in ways.items()}

    def beside(self, model, split, few):
        """The score of another model that learns from the same examples."""
        if model == "MiniLM, descriptions":
            described = self.encoder(DESCRIPTIONS[self.task.name], progress=False)
            similar = self.encoder(split.texts, progress=False) @ described.T
            return self.task.score(similar, split.labels)
        encode = self.counted if model == "counted words" else self.encoder
        train, x = encode(few.texts), encode(split.texts)
        head = LogisticRegression(C=10, max_iter=2000).fit(train, few.labels)
        return self.task.score(head.predict(x), split.labels)

    def counted(self, texts):
        """TF-IDF, whose rare words were learnt without labels."""
        return TfidfVectorizer(sublinear_tf=True).fit(self.task.train.texts).transform(texts)

    def run(self, model, split, wording=NONE, choice=-1, order=0):
        """One run, unless its rows are there; `choice` -1 is without examples."""
        few = self.examples(choice, order) if choice >= 0 else None
        examples = len(few.labels) if few is not None else 0
        values = self.task.name, model, wording, examples, choice, order, split
        key = dict(zip(KEY, values, strict=True))
        if not rows_with(RUNS, **key).empty:
            return
        texts = self.splits[split]
        if wording == NONE:
            found = {model: self.beside(model, texts, few)}
        else:
            found = self.prompted(texts, wording, few)
            found = {f"{model}, {way}": score for way, score in found.items()}
        rows = [key | dict(zip(RESULTS, pair, strict=True)) for pair in found.items()]
        append(RUNS, pd.DataFrame(rows, columns=[*KEY, *RESULTS]))
        print(key, found, flush=True)


def main():
    tl.setup(seed=0)
    for name in sys.argv[1:] or LABELS:
        texts = Prompted(name)
        for split in texts.splits:
            texts.run("MiniLM, descriptions", split)
            texts.run("SmolLM2", split, "topic")
            for choice in range(CHOICES):
                texts.run("SmolLM2", split, "topic", choice)
                texts.run("counted words", split, choice=choice)
                texts.run("MiniLM, head", split, choice=choice)
        for wording in (*WORDINGS, CHAT):
            texts.run("SmolLM2", "validation", wording)
        for order in ORDERS[name]:
            texts.run("SmolLM2", "validation", "topic", 0, order)


if __name__ == "__main__":
    main()
