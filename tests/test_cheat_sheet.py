"""The page that prints on one: its code runs as it stands."""

import re

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tools.build_notebooks import CHEAT_SHEET


@pytest.mark.slow
def test_the_code_runs_on_a_folder_of_pictures(tmp_path, monkeypatch):
    """Split, features and fine-tuning, from names such as tom_1.png."""
    rng = np.random.default_rng(0)
    for shade, kind in enumerate(("dark", "light")):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for number in range(40):
            pixels = rng.integers(120 * shade, 120 * shade + 100, (64, 64, 3)).astype(np.uint8)
            name = f"{kind}{number // 2}_{number}.png"
            Image.fromarray(pixels).save(tmp_path / "pictures" / kind / name)
    monkeypatch.chdir(tmp_path)
    page = CHEAT_SHEET.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.+?)```", page, re.S)
    names = {"tl": tl, "keras": keras, "LogisticRegression": LogisticRegression}
    exec(code, names)
    task, model, probe = names["task"], names["model"], names["probe"]
    features = tl.extract_features(names["network"], task.validation.images)
    assert probe.score(features, task.validation.labels) == 1
    answers = np.argmax(model.predict(task.validation.images, verbose=0), axis=1)
    assert np.mean(answers == task.validation.labels) > 0.8
