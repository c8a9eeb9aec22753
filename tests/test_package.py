import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import tlhelpers as tl

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
).stdout.split()


def test_import_is_light():
    """`import tlhelpers` leaves TensorFlow, Keras and matplotlib alone."""
    heavy = "{'tensorflow', 'keras', 'matplotlib', 'sklearn', 'pandas'}"
    code = f"import sys, tlhelpers; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", tl.__all__)
def test_public_name_exists_and_says_what_it_does(name):
    """Every public name can be reached, begins with a full sentence, and shows an example."""
    text = getattr(tl, name).__doc__
    assert text.split("\n\n")[0].rstrip().endswith((".", ":"))
    if name not in tl._MODULES:
        assert ">>> " in text


def test_unknown_name_lists_the_public_ones():
    """A misspelt name gets the list of names."""
    with pytest.raises(AttributeError, match=r"no 'load_tasks'.*load_task, log_mel, .*plots, prep"):
        _ = tl.load_tasks


def test_environment_yml_has_the_ranges_of_pyproject():
    """conda and pip users get the same versions."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [line for line in environment["dependencies"] if isinstance(line, str)]
    (pip,) = (line["pip"] for line in environment["dependencies"] if isinstance(line, dict))
    assert f"python{PROJECT['requires-python']}" in conda
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["pictures"], *extras["text"]]
    wanted += [*extras["speech"], *extras["lab"]]
    wanted.remove("tlhelpers[pictures,speech,text]")  # which are all in here
    got = {Requirement(line).name: Requirement(line) for line in pip if line != "-e ."}
    assert got == {Requirement(line).name: Requirement(line) for line in wanted}
    assert "-e ." in pip


def test_lock_satisfies_pyproject():
    """Each direct dependency is locked, with hashes, at a version within its range."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    assert all("--hash=sha256:" in line for line in lines)
    assert "://" not in lock
    locked = {}
    for line in lines:
        requirement = Requirement(line.split("--hash")[0].strip())
        (version,) = (spec.version for spec in requirement.specifier)
        locked.setdefault(requirement.name, []).append(version)
    wanted = [*PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        wanted += extra
    for requirement in map(Requirement, wanted):
        if requirement.name != "tlhelpers":
            assert all(requirement.specifier.contains(v) for v in locked[requirement.name])


@pytest.mark.skipif(not TRACKED, reason="not a git checkout")
def test_no_tracked_file_is_over_2_mb():
    """A clone stays small."""
    sizes = {name: (ROOT / name).stat().st_size for name in TRACKED if (ROOT / name).is_file()}
    assert {name for name, size in sizes.items() if size > 2_000_000} == set()


@pytest.mark.slow
def test_wheel_carries_the_embedded_model(tmp_path):
    """An installation from an archive has the backbone, its Keras file and its card."""
    import zipfile

    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*build, "-w", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("README.md", "glyphnet.keras", "glyphnet/saved_model.pb"):
        assert f"tlhelpers/data/{name}" in names
    assert not any(name.startswith(("tests", "tools", "notebooks")) for name in names)


@pytest.mark.slow
def test_source_archive_has_no_solutions(tmp_path):
    """What is published for others to build from has the homework as students get it."""
    import tarfile

    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = opened.getnames()
    assert any("/notebooks/homework/release/hw1/" in name for name in names)
    assert [name for name in names if "/homework/source" in name] == []


@pytest.mark.slow
def test_modules_of_tf_hub_need_neither_tensorflow_hub_nor_setuptools(tmp_path):
    """A HubLayer trains, is saved and loaded where both are missing, and `setup` says nothing."""
    code = """
import importlib.metadata, sys
for name in ("tensorflow_hub", "pkg_resources", "setuptools"):
    sys.modules[name] = None  # importing it fails
version = importlib.metadata.version
importlib.metadata.version = lambda name: "99.0" if name == "setuptools" else version(name)
import tlhelpers as tl
runtime = tl.setup()
assert runtime.notes == (), runtime
import keras, numpy as np
layer = tl.HubLayer("embedded:glyphnet", trainable=True)
model = keras.Sequential([layer, keras.layers.Dense(2)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
images = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
before = [weight.numpy() for weight in layer.trainable_weights]
model.fit(images, np.arange(4) % 2, verbose=0)
assert any((a != b.numpy()).any() for a, b in zip(before, layer.trainable_weights))
model.save(sys.argv[1])
loaded = keras.models.load_model(sys.argv[1])
np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))
print("trained, saved and loaded")
"""
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.endswith("trained, saved and loaded\n"), done.stdout + done.stderr[-3000:]
