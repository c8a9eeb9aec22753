"""A packaged backbone on a task: frozen features and fine-tuning, on the same looks at pictures."""

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tools.experiments.runs import HalfCosine

LOOKS = 8
BATCH = 16
STRENGTHS = (1e-3, 1e-2, 0.1, 1.0)


class BackboneRuns:
    """A task's pictures in several looks, features of its backbone, and what learns from them.

    `seed` decides looks and trainings. Frozen features come from the blocks `frozen`, by the start
    of their names. Answers are scores `[n, classes]` on validation and test.
    """

    def __init__(self, task, seed, augment, frozen):
        self.task, self.seed, self.frozen_blocks = task, seed, frozen
        self.labels = task.train.labels
        self.held_out = [task.validation, task.test]
        images = np.asarray(task.train.images)
        self.looks = [images, *(np.asarray(augment(images)) for _ in range(LOOKS - 1))]
        self.network = task.network()
        self.learnt = self.network.get_weights()
        self.trainers = {}
        self.features = self.extract()
        pixels = [tl.raw_pixels(look[:, ::4, ::4]) for look in self.looks]
        both = [tl.raw_pixels(np.asarray(split.images)[:, ::4, ::4]) for split in self.held_out]
        self.features["raw pixels"] = (np.stack(pixels), *both)

    def extract(self):
        """Of each block the means over place: `[looks, n, channels]`, validation, test."""
        maps = []
        for block in self.frozen_blocks:
            own = [layer for layer in self.network.layers if layer.name.startswith(block)]
            maps.append(own[-1].output)
            if len(maps[-1].shape) == 4:
                maps[-1] = keras.layers.GlobalAveragePooling2D()(maps[-1])
        parts = keras.Model(self.network.input, maps)
        images = [*self.looks, *(np.asarray(split.images) for split in self.held_out)]
        found = [parts.predict(each, batch_size=64, verbose=0) for each in images]
        by_block = zip(*found, strict=True)
        return {
            block: (np.stack(of[:LOOKS]), *of[LOOKS:])
            for block, of in zip(self.frozen_blocks, by_block, strict=True)
        }

    def solve(self, features, rows, C):
        """Weights and bias of a logistic regression on all looks at these rows."""
        x = features[0][:, rows].reshape(-1, features[0].shape[-1])
        mean, scale = x.mean(0), x.std(0) + 1e-6
        model = LogisticRegression(C=C, max_iter=300, class_weight="balanced")
        model.fit((x - mean) / scale, np.tile(self.labels[rows], LOOKS))
        weights, bias = model.coef_.T, model.intercept_
        if len(bias) == 1:  # of two classes scikit-learn has one score: their difference
            weights, bias = weights * [-0.5, 0.5], bias * [-0.5, 0.5]
        weights = weights / scale[:, None]
        return weights, bias - mean @ weights

    def frozen(self, names, rows):
        """Of the features and the strength that are best on validation.

        Returns the score on validation, the setting, the head and both answers.
        """
        tried = []
        for name in names:
            for C in STRENGTHS:
                weights, bias = self.solve(self.features[name], rows, C)
                answers = [x @ weights + bias for x in self.features[name][1:]]
                score = self.task.score(answers[0], self.task.validation.labels)
                tried.append((score, f"{name}, C {C}", (weights, bias), answers))
        return max(tried, key=lambda row: row[0])

    def trainer(self, first):
        """The model, its tail from a block on, and what reaches that."""
        if first not in self.trainers:
            model = keras.Sequential([self.network, keras.layers.Dense(len(self.task.class_names))])
            model.build((None, *self.task.image_shape))
            names = tl.blocks(self.network)
            tl.unfreeze(self.network, last=len(names) - names.index(first))
            trunk, tail = tl.split_at(model)
            reach = [trunk.predict(look, batch_size=64, verbose=0) for look in self.looks]
            both = [
                trunk.predict(np.asarray(s.images), batch_size=64, verbose=0) for s in self.held_out
            ]
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            tail.compile(keras.optimizers.Adam(1e-4), loss, jit_compile=False)
            tail.optimizer.build(tail.trainable_variables)
            fresh = [variable.numpy() for variable in tail.optimizer.variables]
            self.trainers[first] = model, tail, np.stack(reach), both, fresh
        return self.trainers[first]

    def tune(self, rows, first, rate, steps, every=50):
        """A fine-tuning to the end, from the probe of the last block.

        Returns both answers and the curve: step, loss, score on validation.
        """
        model, tail, reach, both, fresh = self.trainer(first)
        _, _, head, _ = self.frozen(["top"], rows)
        self.network.set_weights(self.learnt)
        model.layers[-1].set_weights(list(head))
        for variable, value in zip(tail.optimizer.variables, fresh, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(self.seed)
        order, falling = np.random.default_rng(self.seed), HalfCosine(rate, steps)
        picks = [order.permutation(rows) for _ in range(steps * BATCH // len(rows) + 1)]
        picks = np.concatenate(picks)[: steps * BATCH].reshape(-1, every * BATCH)
        weight = 1 / np.bincount(self.labels[rows], minlength=len(self.task.class_names))
        weight *= len(rows) / len(weight)  # balanced, as the metric is

        def look(k, loss):
            answers = tail.predict(both[0], batch_size=64, verbose=0)
            return k * every, loss, self.task.score(answers, self.task.validation.labels)

        curve = [look(0, np.nan)]
        for k, part in enumerate(picks, 1):
            x, y = reach[order.integers(LOOKS, size=len(part)), part], self.labels[part]
            options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
            options |= {"sample_weight": weight[y], "callbacks": [falling]}
            curve.append(look(k, tail.fit(x, y, **options).history["loss"][-1]))
        return [tail.predict(each, batch_size=64, verbose=0) for each in both], curve

    def learn(self, method, rows, setting, steps, every=50):
        """Both answers of a method, its setting, and its curve.

        Without a setting it is a regression, of which the setting is found and no curve is left.
        """
        if setting:
            first, rate = setting.split(", rate ")
            answers, curve = self.tune(rows, first, float(rate), steps, every)
            return answers, setting, pd.DataFrame(curve, columns=["step", "loss", "validation"])
        names = {"frozen, best block": self.frozen_blocks, "frozen, last block": ["top"]}
        _, found, _, answers = self.frozen(names.get(method, [method]), rows)
        return answers, found, None
