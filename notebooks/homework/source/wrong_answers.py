"""Wrong answers to the homework, as students might give them, and what they must be told.

WRONG[assignment][cell] lists what is wrong, the code, and a pattern of the message. Code is run
after the reference solution, or is that with some texts replaced: (old, new, old, new). It gets no
points, or in each check of the exercise those that stand last.
"""

TYPED_TABLE = """\
table = pd.DataFrame(
    {5: [0.88, 0.82, 0.57], 20: [0.98, 0.98, 0.82], 60: [0.99, 0.99, 0.91]},
    index=["raw pixels", "block4", "block7"],
)
conclusion = "Pixels have 0.88, 0.98 and 0.99. " + " ".join(f"word{i}" for i in range(40))
"""

HW1 = {
    "ex1": [
        (
            "network left trainable",
            ("network.trainable = False", "network.trainable = True"),
            r"\d,\d{3} weights would train.*the network is not frozen",
        ),
        (
            "everything frozen",
            "model.trainable = False",
            "nothing would train.*Freeze `network`, not the whole model",
        ),
        ("softmax", ("Dense(3)", "Dense(3, activation='softmax')"), "there is a softmax"),
        ("a head for digits", ("Dense(3)", "Dense(10)"), r"shape \(2, 10\); \(2, 3\) is expected"),
    ],
    "ex2": [
        (
            "rows drawn, not originals",
            """\
def split(originals, share, seed):
    rows = np.random.default_rng(seed).permutation(len(originals))
    cut = round(share * len(rows))
    return rows[cut:], rows[:cut]
""",
            "have copies on both sides of the split",
            (0, 1),
        ),
        (
            "off by one",
            """\
def split(originals, share, seed):
    originals = np.asarray(originals)
    names = np.random.default_rng(seed).permutation(np.unique(originals))
    cut = round(share * len(names))
    parts = names[cut + 1 :], names[:cut]
    return tuple(np.flatnonzero(np.isin(originals, part)) for part in parts)
""",
            "are in neither part.*slice end one too early",
            (0, 1),
        ),
        (
            "share of the rows",
            ("round(share * len(names))", "round(share * len(originals))"),
            "30 originals are for validation, 10 are expected: the share is of the originals",
        ),
        (
            "seed not used",
            ("default_rng(seed)", "default_rng()"),
            "same seed gave different split",
            (3, 0),
        ),
        (
            "the first originals",
            (
                "np.random.default_rng(seed).permutation(np.unique(originals))",
                "np.unique(originals)",
            ),
            "seeds 1 and 2 gave the same split",
            (3, 0),
        ),
    ],
    "ex3": [
        ("from 0 to 255", ("[None] / 255", "[None]"), "from 0 to 255; from 0 to 1 is expected"),
        (
            "divided twice",
            ("[None] / 255", "[None] / 255**2"),
            "nearly black.*divided by 255 twice",
        ),
        (
            "squeezed",
            ("ImageOps.fit(picture, (224, 224))", "picture.resize((224, 224))"),
            "far ends are still there",
            (0, 1),
        ),
        (
            "a small piece of the middle",
            (
                "ImageOps.fit(picture, (224, 224))",
                "ImageOps.fit(picture, (224, 224), bleed=0.2)",
            ),
            "upper left corner.*more cut off than the ends",
            (0, 1),
        ),
        (
            "transparent is black",
            ("Image.alpha_composite(white, picture)", "picture"),
            "lay the picture on white first",
            (0, 1),
        ),
        (
            "blue, green, red",
            ("[None] / 255", "[None, ..., ::-1] / 255"),
            "blue became red",
            (0, 1),
        ),
        (
            "grey has one channel",
            """\
def prepare(picture):
    return np.asarray(ImageOps.fit(picture, (224, 224)), "float32")[None] / 255
""",
            r"mode L `prepare` returns an array of shape \(1, 224, 224\)",
        ),
        ("no batch", ("[None]", ""), r"array of shape \(224, 224, 3\)"),
        ("float64", ('"float32"', '"float64"'), "pixels are float64", (0, 1)),
        (
            "names of a batch",
            ("top=5)[0]", "top=5)"),
            "a list of five is expected, for one picture",
            (2, 0),
        ),
        ("three names", ("top=5", "top=3"), "a list of five is expected", (2, 0)),
        (
            "softmax once more",
            (
                "namer.predict(prepare(picture), verbose=0)",
                "keras.ops.softmax(namer.predict(prepare(picture), verbose=0))",
            ),
            "a second softmax makes them equal",
            (2, 0),
        ),
        (
            "worst first",
            ("top=5)[0]", "top=5)[0][::-1]"),
            "the best comes first",
            (2, 0),
        ),
        (
            "always coffee",
            ("predict(prepare(picture)", 'predict(prepare(photos["coffee"])'),
            "Are the names those of this picture",
            (2, 0),
        ),
    ],
    "ex3_own": [
        ("no verdict on one", 'verdict = verdict | {"own": None}', "verdict on own is None"),
        (
            "other words",
            'verdict = verdict | {"retina": "no"}',
            "is 'no'; 'right', 'near' or 'wrong'",
        ),
        (
            "all is right",
            'verdict = dict.fromkeys(verdict, "right")',
            "verdict on retina is 'right'",
        ),
        ("no words", 'own_shows = ""', "in two words at least"),
    ],
    "ex4": [
        (
            "chosen on the test data",
            ('(x["validation"], labels["validation"])', '(x["test"], labels["test"])'),
            "These are the test data.*Choose on validation",
        ),
        (
            "chosen on the training data",
            ('(x["validation"], labels["validation"])', '(x["train"], labels["train"])'),
            "Score each block on validation, not on train",
        ),
        (
            "always the last block",
            ("return max(scores, key=scores.get), scores", "return list(features)[-2], scores"),
            "you choose 'c'; 'b' is best on validation",
            (0, 1),
        ),
        ("scores missing", (", scores\n", "\n"), "two things are expected", (2, 0)),
        (
            "one draw",
            ("range(3)", "range(1)"),
            "those of one or two draws.*may be lucky",
            (2, 0),
        ),
        ("k not used", ("k, seed)", "20, seed)"), "Is `k` used", (2, 0)),
        (
            "learnt from validation, scored on train",
            (
                '(x["train"], labels["train"]), (x["validation"], labels["validation"])',
                '(x["validation"], labels["validation"]), (x["train"], labels["train"])',
            ),
            "Learn from train, and score on validation",
            (2, 0),
        ),
    ],
    "ex4_layers": [
        (
            "the last block both times",
            'best = {"lean": "block7", "kind": "top"}',
            "for leaning digits, block7, reaches .* on test; another one reaches more than 0.9",
        ),
        (
            "the first block of photos",
            'best = best | {"kind": "block2b"}',
            "for pictograms, block2b, reaches .* on validation; another one",
        ),
        ("no name", 'best = best | {"kind": 0.6}', "'kind' you choose 0.6; one of"),
    ],
    "ex5": [
        ("no guess costs nothing", "guess = dict.fromkeys(guess)", "", (2, 1, 2)),
        ("typed by hand", TYPED_TABLE, "measuring gives.*Let the code fill the table"),
        (
            "winner as hoped for",
            'winner = {5: "block7", 20: "block7", 60: "block7"}',
            "your table says.*Report what was measured",
            (2, 0, 2),
        ),
        ("no winner", "winner = {}", "you say that None is best; a row of `table`", (2, 0, 2)),
        (
            "figures of another run",
            'conclusion += "The last block reaches 0.999 in the end."',
            r"\[0\.999\] in your conclusion are neither in your table",
            (2, 1, 0),
        ),
        (
            "two words",
            'conclusion = "Pixels win."',
            "has 2 words, 2 of them different; forty are expected",
            (2, 1, 0),
        ),
        ("one seed", ("range(3)", "range(1)"), "mean of seeds 0, 1 and 2"),
        (
            "no sentences",
            'conclusion = 40 * "wins " + " ".join(f"{v:.3f}" for v in table.to_numpy().ravel())',
            "of them different.*who wins, by how much, and why",
            (2, 1, 0),
        ),
        (
            "per cent",
            "table = 100 * table",
            "accuracies are shares up to 1",
        ),
        (
            "the last but one",
            ('forms = {"raw', 'best = best | {"lean": "block6"}\nforms = {"raw'),
            "block6 reaches .* and another block",
            (0, 1, 2),
        ),
    ],
}

HW2 = {
    "ex1": [
        ("BatchNorm trains", (" and not norm", ""), "BatchNorm layers stay frozen", (2, 0)),
        (
            "frozen outside",
            ("network.trainable = True", "pass"),
            "nothing does.*network.trainable = True comes first",
            (0, 1),
        ),
        (
            "what was free stays free",
            """\
def unfreeze_blocks(network, names):
    network.trainable = True
    for layer in network.layers:
        if layer.name.split("_")[0] in names:
            layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
""",
            r"Exercise 1: .*are expected",
        ),
        (
            "weights frozen, statistics not",
            """\
def unfreeze_blocks(network, names):
    network.trainable = True
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                weight.trainable = False
        else:
            layer.trainable = layer.name.split("_")[0] in names
""",
            "they are not frozen .*`fit` moves their statistics",
            (2, 0),
        ),
    ],
    "ex2": [
        ("no guess costs nothing", "guess = dict.fromkeys(guess)", "", (2, 2)),
        (
            "typed by hand",
            "moved = dict(zip(guess, (0, 1, 1), strict=True))",
            "measuring gives something else.*not typed in",
            (2, 0),
        ),
        (
            "no copy before",
            """\
def arrays_moved(model, network, x, y):
    before = network.weights
    model.fit(x, y, verbose=0)
    return sum(not np.array_equal(a, b) for a, b in zip(before, network.weights, strict=True))


moved = dict.fromkeys(moved, 0)
""",
            "in none of the cases did anything move.*copy",
        ),
        (
            "head counted as well",
            """\
def arrays_moved(model, network, x, y):
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    return sum(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


moved = {case: count + 2 for case, count in moved.items()}
""",
            "the head is not part of the network",
        ),
    ],
    "ex3": [
        ("nothing repaired", "repaired = lambda split: patient", "the doctor still finds: "),
        (
            "everything unfrozen",
            ('unfreeze_blocks(model.layers[0], ["block7"])', "model.layers[0].trainable = True"),
            "Exercise 3: .*statistics of BatchNorm drifted",
            (0, 0, 0, 1, 1),
        ),
        (
            "nothing unfrozen",
            ('unfreeze_blocks(model.layers[0], ["block7"])', "pass"),
            "nothing of it was trained",
            (1, 0, 0, 1, 1),
        ),
        (
            "rate too large",
            ("1e-4", "1e-3"),
            "at a rate of 0.001; one ten-thousandth",
            (1, 1, 1, 0, 1),
        ),
        (
            "two blocks",
            ('["block7"]', '["block6", "block7"]'),
            "the last block alone should train",
            (1, 0, 1, 1, 1),
        ),
        ("one epoch", ("epochs=5", "epochs=1"), "took 4 steps. Five epochs", (1, 1, 1, 0, 1)),
        (
            "pictures up to 255",
            ("split.images, split.labels", "255 * split.images, split.labels"),
            "trained on pictures with values up to 255",
            (1, 1, 1, 1, 0),
        ),
        (
            "probabilities",
            ("    model.compile(", "    model.add(keras.layers.Softmax())\n    model.compile("),
            "the doctor still finds",
            (0, 1, 1, 1, 1),
        ),
    ],
    "ex4": [
        (
            "scored on the training data",
            ("held_out.images", "train.images", "held_out.labels", "train.labels"),
            "not on the pictures it learnt from",
            (0, 0, 1),
        ),
        (
            "the worst, not the best",
            ("max(accuracy, key=accuracy.get)", "min(accuracy, key=accuracy.get)"),
            "Return the model that is best there",
            (0, 1, 1),
        ),
        (
            "typed by hand",
            """\
def choose_depth(train, held_out):
    return new_model(train), {0: 0.85, 1: 0.9, 3: 0.95}
""",
            "not on the pictures it learnt from, and no number typed in",
        ),
        (
            "BatchNorm of the last block trains",
            (
                "unfreeze_blocks(model.layers[0], blocks[-depth:])",
                "unfreeze_blocks(model.layers[0], blocks[-depth:])\n"
                '            model.layers[0].get_layer("block7_norm").trainable = True',
            ),
            "statistics of BatchNorm drifted",
            (2, 0, 0),
        ),
        ("one epoch", ("epochs=20", "epochs=1"), "fitted for 1 epochs.*twenty epochs", (2, 0, 0)),
        (
            "a rate that stays",
            ("keras.optimizers.Adam(falling)", "keras.optimizers.Adam(1e-3)"),
            "ended at a rate of 0.001; it should fall to zero",
            (2, 1, 0),
        ),
    ],
    "ex5": [
        (
            "shares the wrong way round",
            "table = table[::-1].set_axis(table.index)\nbest = table.idxmax().to_dict()",
            "at share 0.*measuring gives",
            (0, 1, 0),
        ),
        (
            "best as hoped for",
            "best = {name: 0.5 for name in table}\n"
            'best["turned"] = 1.0 if table["turned"].idxmax() == 0.5 else 0.5',
            "your table says.*Report what was measured",
            (2, 0, 1),
        ),
        (
            "figures typed by hand",
            'conclusion = "The mixture has 0.999, the ends 0.111. " + " ".join(dir(np)[:40])',
            "accuracies at least are expected",
            (2, 1, 0),
        ),
        (
            "BatchNorm drifts",
            (
                "unfreeze_blocks(model.layers[0], tl.blocks(model.layers[0]))",
                "model.layers[0].trainable = True",
                "epochs=4",
                "epochs=1",
            ),
            "statistics of BatchNorm differ",
            (0, 1, 1),
        ),
    ],
}

HW3 = {
    "ex1": [
        (
            "answers of the model",
            ('row.who != "model" and ', ""),
            "answers of the model.*leave out rows whose `who` is 'model'",
        ),
        ("skipped ones", (" and row.label is not None", ""), "skipped items are counted"),
        (
            "history",
            ("for row in store if", "for row in store.history() if"),
            "Exercise 1: you count",
            (1, 0),
        ),
    ],
    "ex2": [
        (
            "margin",
            """\
def most_doubtful(probabilities, labelled, n):
    ordered = np.sort(probabilities, axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    margin[labelled] = np.inf
    return np.argsort(margin)[: min(n, len(margin) - len(labelled))]
""",
            "Exercise 2: ",
            (0, 1, 1),
        ),
        (
            "log of 0",
            ("np.log(np.where(p > 0, p, 1))", "np.log(p)"),
            r"0 \* log\(0\) is not a number",
            (2, 0, 1),
        ),
        (
            "surest first",
            ("np.argsort(-entropy", "np.argsort(entropy"),
            "largest entropy",
            (0, 0, 1),
        ),
        ("asks again", ("order[~np.isin(order, labelled)]", "order"), "a label already", (0, 1, 0)),
    ],
    "ex3": [
        ("at random", "first_twenty = at_random", "ten points more are expected", (0, 0, 0)),
        (
            "with the labels",
            """\
def first_twenty(x, n, rng):
    rows = [rng.permutation(np.flatnonzero(y_pool == c))[: n // CLASSES] for c in range(CLASSES)]
    return np.concatenate(rows)
""",
            "looks at labels that nobody has given yet",
            (0, 0, 1),
        ),
        (
            "positions written down",
            "kept = first_twenty(x_pool, 20, np.random.default_rng(0))\n"
            "def first_twenty(x, n, rng):\n    return kept[:n]",
            "Positions of one pool, written down",
            (3, 0, 1),
        ),
        (
            "the same pictures twice",
            ("return np.array(chosen)", "return np.array(chosen[: n // 2] * 2)"),
            "only 10 of the twenty positions differ",
            (0, 0, 0),
        ),
        (
            "half of it at random",
            (
                "return np.array(chosen)",
                "rest = np.setdiff1d(np.arange(len(x)), chosen[:10])\n"
                "    return np.append(chosen[:10], rng.permutation(rest)[: n - 10])",
            ),
            "What does typical miss",
            (3, 1, 0),
        ),
    ],
    "ex4": [
        (
            "two-sided",
            ('alternative="greater"', 'alternative="two-sided"'),
            "0.2500 with you; a fair coin does that once",
            (0, 0),
        ),
        (
            "a normal curve",
            (
                'binomtest(won, won + lost, alternative="greater").pvalue if won + lost else 1.0',
                "float(0.5 - 0.4 * (won - lost) / max(1, won + lost) ** 0.5)",
            ),
            "Exercise 4: three wins",
            (0, 0),
        ),
        (
            "nothing differs",
            (" if won + lost else 1.0", " if won + lost else 0.5"),
            "without a differing answer p is 1",
            (0, 2),
        ),
        (
            "one pass",
            ("rounds[-2:]", "rounds[-1:]", "len(passes) == 2", "len(passes) == 1"),
            "one pass is not enough",
            (2, 0),
        ),
        (
            "two passes, whenever",
            ("rounds[-2:]", "rounds", "len(passes) == 2 and all(passes)", "sum(passes) >= 2"),
            "two passes follow one another",
            (2, 0),
        ),
        (
            "rounds added up",
            """\
def after_round(rounds):
    won, lost = (sum(each[k] for each in rounds[-2:]) for k in (1, 2))
    two = len(rounds) > 1
    return "change over" if two and p_value(won, lost) <= 0.2 else "label more"
""",
            "Exercise 4: ",
            (2, 0),
        ),
        (
            "by the helper",
            """\
def after_round(rounds):
    return tl.decide([tl.PairedAnswers(*each) for each in rounds], level=0.2).action
""",
            "write the rule yourself",
            (2, 0),
        ),
    ],
    "ex5": [
        ("no guess costs nothing", "guess = None", "", (3, 1, 1)),
        (
            "learnt from the truth",
            (
                "majority(np.array([answers(y_train[some], rng) for _ in range(count)]))",
                "y_train[some]",
            ),
            "trained on what people answered",
            (0, 1, 0),
        ),
        (
            "winner as hoped for",
            'winner = {1.0: "three", 0.01: "three"}',
            "Report what was measured",
            (3, 0, 1),
        ),
        (
            "typed by hand",
            "table = table.round(2)\n"
            'conclusion = " ".join(f"{v:.2f}" for v in table.to_numpy().ravel())\n'
            'conclusion += " " + " ".join(dir(np)[:40])',
            "measuring gives.*Let the code fill the table",
            (0, 1, 1),
        ),
        ("one seed", ("range(5)", "range(1)"), "mean over seeds 0 to 4", (0, 1, 1)),
    ],
}

HW4 = {
    "ex1": [
        (
            "dot product",
            ("unit(x_validation) @ unit(prompts).T", "x_validation @ prompts.T"),
            "largest dot products.*divide by the lengths",
        ),
        ("least similar", ("argmax", "argmin"), "least similar prompts"),
        ("typed by hand", "said = labels['validation']", "Exercise 1: .* are other than those"),
    ],
    "ex2": [
        ("not centred", ("x - unlabelled.mean(axis=0)", "x"), "Exercise 2: "),
        (
            "centred by what is asked about",
            ("x - unlabelled.mean(axis=0)", "x - x.mean(axis=0)"),
            "not with that of the pictures that are asked about",
        ),
        (
            "drawings not of length 1",
            ("unit(prompts).mean(axis=1)", "prompts.mean(axis=1)"),
            "each drawing to length 1",
            (0, 1),
        ),
    ],
    "ex3": [
        ("ours", "my_prompts = our_prompts", "two points more are expected"),
        (
            "handwritten digits",
            """\
def my_prompts(digit):
    rows = labels["train"] == DIGITS.index(digit)
    return images["train"][rows][:100, ..., 0]
""",
            "uses handwritten digits",
        ),
        (
            "handwritten digits, a little paler",
            """\
kept = {
    digit: 0.99 * images["train"][labels["train"] == place][:100, ..., 0]
    for place, digit in enumerate(DIGITS)
}
my_prompts = kept.get
""",
            "are handwritten digits of the task",
        ),
        ("not clipped", (".clip(0, 1)", " * 1.2"), "Turning can leave the range: clip"),
        ("in colours", "def my_prompts(digit):\n    return images['train'][:5]", "is expected"),
    ],
    "ex4": [
        (
            "a quantile",
            "def threshold(similarities, keep):\n    return np.quantile(similarities, 1 - keep)",
            "Exercise 4: ",
            (0, 2),
        ),
        ("off by one", ("- 1e-9)) - 1]", "- 1e-9)) - 2]"), "at least 80% should"),
        ("one too many", ("- 1e-9)) - 1]", "- 1e-9)) - 1 - len(ordered) // 2]"), "Exercise 4: "),
        (
            "letters have a say",
            ("threshold(of_digits, 0.9)", "threshold(of_letters, 0.1)"),
            "letters have no say in it",
            (2, 0),
        ),
        (
            "typed by hand",
            "refused, kept_askew = 0.73, 0.67",
            "measuring gives.*Compute it",
            (2, 0),
        ),
    ],
    "ex5": [
        ("no guess costs nothing", "guess = None", "", (3, 1, 2)),
        (
            "scored on labelled pictures",
            ("unit(x_straight)", "unit(x_train[rows])", 'labels["validation"]', "known"),
            "Exercise 5: ",
            (0, 1, 0),
        ),
        ("one seed", ("range(5)", "range(1)"), "measuring gives.*seeds 0 to 4", (0, 1, 2)),
        (
            "winner as hoped for",
            "winner = dict.fromkeys(winner, 1.0)",
            "Report what was measured",
            (3, 0, 2),
        ),
    ],
}

HW5 = {
    "ex1": [
        ("names of the kinds", "mine = KINDS", "0.03 more is expected"),
        ("five", "mine = KINDS[:5]", "has 5 descriptions; six are expected"),
        (
            "lists of names",
            """\
mine = [
    " ".join(" ".join(names["validation"][labels["validation"] == kind]).split()[:12])
    for kind in range(6)
]
""",
            "are names of validation",
        ),
        ("one text", "mine = 'animals, food, places'", "a list of six texts is expected"),
    ],
    "ex2": [
        (
            "all in one",
            (
                "np.argsort(-similarities, axis=0)[:count]",
                "np.argsort(-similarities.max(1))[:count]",
            ),
            "Exercise 2: ",
            (0, 0),
        ),
        ("least similar", ("-similarities", "similarities"), "nearest", (0, 1)),
        (
            "some twice",
            ("np.unique(", "np.sort(", "[:count])", "[:count].ravel())"),
            "each is expected once",
            (2, 0),
        ),
        (
            "by the class that is nearest",
            """\
def even_pool(similarities, count):
    nearest = similarities.argmax(axis=1)
    return np.sort(np.concatenate([np.flatnonzero(nearest == c)[:count] for c in range(2)]))
""",
            "Exercise 2: ",
            (0, 0),
        ),
    ],
    "ex3": [
        (
            "always no",
            """\
def is_food(vectors):
    return np.zeros(len(vectors), bool)
""",
            "Exercise 3: ",
            (2, 0),
        ),
        (
            "precision first",
            ("for of in (truth, says)", "for of in (says, truth)"),
            "recall first",
            (0, 2),
        ),
        (
            "nothing found",
            ("float(both / of.sum()) if of.any() else 0.0", "float(both / of.sum())"),
            "shares of 0 are expected",
            (0, 2),
        ),
        (
            "the broken one",
            """\
def is_food(vectors):
    return (vectors @ yes_no.T).argmax(axis=1) == 0
""",
            "Nothing is like \\*something else\\*",
            (2, 0),
        ),
        (
            "with labels",
            """\
def is_food(vectors):
    food = labels["train"] == KINDS.index("Food & Drink")
    return LogisticRegression(C=100).fit(x["train"], food).predict(vectors)
""",
            "uses labels",
            (2, 0),
        ),
    ],
    "ex4": [
        (
            "no weight",
            ("np.full(len(described), weight)", "np.ones(len(described))"),
            "Use `sample_weight`",
            (0, 0),
        ),
        ("not fitted", "together = lambda *_: LogisticRegression()", "a fitted LogisticRegression"),
        (
            "labels only",
            ("if weight == 0", "if True"),
            "Exercise 4: ",
        ),
        (
            "a weight of 0 counts 1",
            ("len(described), weight)", "len(described), max(weight, 1))", "== 0", "< 0"),
            "with weight 0",
            (2, 0),
        ),
    ],
    "ex5": [
        ("no guess costs nothing", "guess = None", "", (3, 1, 2)),
        (
            "scored on labelled names",
            (
                'head.predict(centred["validation"])',
                'head.predict(centred["train"][rows])',
                'score(answers, labels["validation"])',
                'score(answers, labels["train"][rows])',
            ),
            "Exercise 5: ",
            (0, 1, 0),
        ),
        ("one seed", ("range(5)", "range(1)"), "measuring gives.*seeds 0 to 4", (0, 1, 2)),
        (
            "winner as hoped for",
            "winner = dict.fromkeys(winner, 1)",
            "Report what was measured",
            (3, 0, 2),
        ),
        (
            "names not centred",
            ('together(centred["train"][rows]', 'together(x["train"][rows]'),
            "centred names",
            (0, 1, 2),
        ),
    ],
    "ex6": [
        (
            "nothing taken away",
            ("return scores - np.log(shares.mean(axis=0))", "return scores"),
            "Is the preference taken away",
            (0, 0),
        ),
        (
            "logarithms averaged",
            ("np.log(shares.mean(axis=0))", "np.log(shares).mean(axis=0)"),
            "take the logarithm last",
            (0, 2),
        ),
        (
            "added",
            ("scores - np.log", "scores + np.log"),
            "1 and 2 are expected",
            (0, 0),
        ),
        ("hoped for", "mended = 0.9", "measuring gives", (2, 0)),
        ("the word itself", "favourite = ' food'", "a position in `WORDS`", (2, 0)),
        ("another favourite", "favourite = (favourite + 1) % 6", "counting the answers", (2, 0)),
    ],
}

HW6 = {
    "ex1": [
        ("no points", ("100 * (np", "(np"), "A point is|a point is one hundredth"),
        (
            "a normal curve",
            ("stats.t.ppf(0.975, len(points) - 1)", "1.96"),
            "that of a normal curve, 1.96",
            (0, 1),
        ),
        (
            "draws not paired",
            (
                "stats.sem(points)",
                "100 * np.hypot(stats.sem(transfer), stats.sem(baseline))",
            ),
            "Take the difference in each draw first",
        ),
        (
            "verdict by the mean",
            ("if low > 0", "if mean > 0", "if high < 0", "if mean < 0"),
            "The interval decides, not the mean",
            (2, 0),
        ),
        (
            "the other way round",
            (
                "np.asarray(transfer) - np.asarray(baseline)",
                "np.asarray(baseline) - np.asarray(transfer)",
            ),
            "transfer minus baseline",
        ),
    ],
    "ex2": [
        (
            "answers itself",
            ("np.fill_diagonal(distances, np.inf)", ""),
            "Does each picture answer itself",
        ),
        (
            "leaves out the first in order",
            (
                "np.fill_diagonal(distances, np.inf)",
                "",
                "[:, : min(k, len(x) - 1)]",
                "[:, 1 : k + 1]",
            ),
            "each picture has a twin.*Leave a picture out by its place",
            (2, 0, 1),
        ),
        (
            "columns as they come",
            ("(x - x.mean(axis=0)) / np.where(spread > 1e-9, spread, 1)", "x"),
            "Standardise the columns first",
            (2, 0, 1),
        ),
        (
            "divided by nothing",
            ("np.where(spread > 1e-9, spread, 1)", "spread"),
            "Divided by its spread, 0, it is not a number",
            (2, 0, 1),
        ),
        (
            "plain accuracy",
            ("np.mean([right[labels == c].mean() for c in np.unique(labels)])", "right.mean()"),
            "the mean over classes",
            (2, 1, 0),
        ),
        (
            "the nearest only",
            ("min(k, len(x) - 1)", "1"),
            "Are there k neighbours",
            (0, 1, 0),
        ),
    ],
    "ex3": [
        ("lowest score", ("np.nanmax", "np.nanmin"), "0.2 is expected", (0, 0, 1)),
        (
            "the first of several",
            ("accuracies[scores == np.nanmax(scores)].min()", "accuracies[np.nanargmax(scores)]"),
            "the score cannot tell them apart",
            (1, 0, 1),
        ),
        (
            "no score is the highest",
            ("np.nanmax", "np.max"),
            "what has no score is not taken",
            (1, 0, 1),
        ),
        (
            "best of those with a score",
            ("accuracies.max()", "accuracies[~np.isnan(scores)].max()"),
            "that it reaches more is regretted",
            (1, 0, 1),
        ),
        (
            "both parts of the result",
            (".statistic", "", "np.isnan(tau)", "False", "float(tau)", "tau"),
            "a float is expected",
            (1, 1, 0),
        ),
        ("all ranks alike", ("weightedtau", "kendalltau"), "the weighted tau is", (1, 1, 0)),
        (
            "NaN",
            ("0.0 if np.isnan(tau) else float(tau)", "float(tau)"),
            "scipy says NaN",
            (1, 1, 0),
        ),
    ],
    "ex4": [
        ("always the last block", "choose = lambda market: 'block7'", "you take block7 for each"),
        (
            "guesses",
            "guesses = np.random.default_rng(0)\n"
            "choose = lambda market: str(guesses.choice(market.names))",
            "you chose without buying a label",
        ),
        (
            "the best of the practice",
            """\
def choose(market):
    market.label(1)
    return accuracies.mean(axis=1).idxmax()
""",
            "you take block7 for each of the four targets",
        ),
        (
            "spends too much",
            ("min(affordable, market.labels_left)", "market.labels_left"),
            r"block5 on 60 pictures costs 60\.0 ms.*Plan before you buy",
        ),
        (
            "prices and budget written down",
            ("min(affordable, market.labels_left)", "30"),
            "in a market with other prices: ada on 30 pictures costs 90",
            (0, 2, 2),
        ),
        (
            "scored on what it learnt from",
            (
                "knn_score(market.features(name, rows), labels, 3)",
                "(lambda x: probe(x, labels).score(x, labels))(market.features(name, rows))",
            ),
            "you take pixels for each of the four targets",
        ),
        (
            "ten pictures",
            ("min(affordable, market.labels_left)", "10"),
            "How much of the budget does your choice use",
            (1, 0, 0),
        ),
        (
            "the widest",
            (
                "knn_score(market.features(name, rows), labels, 3)",
                "tl.transferability.h_score(market.features(name, rows), labels)",
            ),
            "you take pixels for each of the four targets",
        ),
    ],
    "ex5": [
        ("no guess costs nothing", 'guess = "none"', "", (2, 1, 2)),
        ("one seed", ("range(5)", "range(1)"), "measuring gives.*seeds 0 to 4", (0, 1, 2)),
        (
            "accuracy in place of regret",
            (
                "regret(found, target.accuracy), taken",
                "target.accuracy[taken], taken",
            ),
            "the mean regret over four",
            (0, 1, 0),
        ),
        (
            "winner as hoped for",
            'winner = dict.fromkeys(winner, "k-NN")',
            "the lowest regret. Report what was measured",
            (2, 0, 2),
        ),
        (
            "typed by hand",
            """\
table = pd.DataFrame(
    {2: [0.10, 0.15, 0.20], 5: [0.05, 0.04, 0.12], 20: [0.01, 0.02, 0.06]}, index=list(SCORES)
)
winner = table.idxmin().to_dict()
conclusion = "LogME has 0.15, 0.04 and 0.02, k-NN 0.10. " + " ".join(dir(np)[:40])
""",
            "measuring gives.*Let the code fill the table",
            (0, 1, 0),
        ),
    ],
}

HW7 = {
    "ex1": [
        ("nothing is moved", "clean = lambda folder: 5", "the report still names"),
        (
            "deleted",
            (
                "(folder / name).rename(target)",
                "(folder / name).unlink()",
            ),
            "are gone. Move files, with their class; delete nothing",
            (2, 0),
        ),
        (
            "one heap, without classes",
            (
                'with_name(f"{folder.name}_left_out") / name',
                'with_name(f"{folder.name}_left_out") / Path(name).name',
            ),
            "are gone. Move files, with their class",
            (2, 0),
        ),
        (
            "counts rows",
            ("    return moved", "    return len(report)"),
            "a class without pictures, `clean` returned 6",
            (0, 2),
        ),
        (
            "moved into the folder itself",
            (
                'folder.with_name(f"{folder.name}_left_out") / name',
                'folder / "left_out" / name',
            ),
            "the report still names|there is no folder trial_left_out",
        ),
    ],
    "ex2": [
        (
            "the name up to the first underscore",
            ('file.split("__")[0]', 'file.split("_")[0]'),
            "the origin of 'animal/dog_2__a__b.png' is 'dog' with you",
            (0, 2),
        ),
        (
            "the last underscores count",
            ('file.split("__")[0]', 'file.rsplit("__", 1)[0]'),
            "up to its first '__'",
            (0, 2),
        ),
        (
            "the folder counts as well",
            ('name.split("/")[-1]', "name"),
            "the origin is 'animal/cat family'",
            (0, 2),
        ),
        (
            "one origin for all without a sign",
            ('if "__" in file else name', 'if "__" in file else "none"'),
            "have the origin 'none'",
            (0, 2),
        ),
        (
            "groups forgotten",
            ("StratifiedGroupKFold(4, **options)", "StratifiedKFold(4, **options)"),
            "Are the origins given as groups",
            (2, 0),
        ),
        (
            "not shuffled",
            ('{"shuffle": True, "random_state": seed}', "{}"),
            "nearly 1: that is the trap",
            (2, 0),
        ),
    ],
    "ex3": [
        (
            "no baseline",
            'scores = scores.drop("raw pixels")',
            "a Series with 'largest class', 'raw pixels'",
            (0, 2, 0),
        ),
        (
            "a weak baseline",
            'scores = pd.Series({**scores, "raw pixels": 0.05})',
            "A weak baseline flatters the model",
            (2, 2, 0),
        ),
        (
            "the worst is chosen",
            """\
chosen = scores[list(models)].idxmin()
model = models[chosen]
verdict = "beats pixels" if scores[chosen] > scores["raw pixels"] else "does not beat pixels"
""",
            "Choose by validation",
            (0, 2, 1),
        ),
        (
            "another model than the table says",
            "model = keras.Sequential([keras.Input((96, 96, 3)), keras.layers.Flatten(), "
            "keras.layers.Dense(len(task.class_names))])",
            "Is it the model that you chose",
            (2, 0, 1),
        ),
        (
            "a verdict as hoped for",
            'verdict = {"beats pixels": "does not beat pixels"}.get(verdict, "beats pixels")',
            "Say what the table says",
            (2, 2, 0),
        ),
        ("looks at the test pictures", "task.test.images", "These are the test data", (2, 2, 1)),
    ],
    "ex4": [
        (
            "a confidence must be above",
            ("confidence >= t", "confidence > t"),
            "from 0.8 on all are right",
            (0, 2),
        ),
        (
            "only answers of that very confidence",
            ("confidence >= t", "confidence == t"),
            "all four answers are right in 0.75|from 0.8 on all are right",
            (0, 2),
        ),
        (
            "no level where there is none",
            ("default=None", "default=1.0"),
            "or None",
            (0, 2),
        ),
        (
            "one form alone",
            ('    tl.export_module(model, place / "module")\n', ""),
            "wrote no module/saved_model.pb",
            (2, 0),
        ),
        (
            "always the same model",
            (
                'model.save(place / "model.keras")',
                'globals()["model"].save(place / "model.keras")',
            ),
            "Write the model that `hand_on` is given",
            (2, 0),
        ),
    ],
    "ex5": [
        (
            "no limits",
            ('limits=f"It recognises {worst} worst. It knows', 'limits=f"It knows'),
            "is recognised worst",
            (0, 2),
        ),
        ("no card", "card = str(card)", "what `tl.model_card` gives is expected", (0, 2)),
        (
            "figures from elsewhere",
            "conclusion = conclusion + ' Others have reached 0.123.'",
            "neither in your table",
            (1, 0),
        ),
        ("a short conclusion", 'conclusion = "It works."', "forty are expected", (1, 0)),
    ],
}

WRONG = {"hw1": HW1, "hw2": HW2, "hw3": HW3, "hw4": HW4, "hw5": HW5, "hw6": HW6, "hw7": HW7}
