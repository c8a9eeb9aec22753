import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import make_modules
import pytest
import tensorflow as tf

import tlhelpers as tl
from tlhelpers.runtime import strategy

SCRIPT = Path(__file__).with_name("on_replicas.py")


def config(workers=("a:1", "b:1"), kind="worker", index=0, **more):
    cluster = {"worker": list(workers), **more}
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def free_ports(count):
    """Ports that no program gets by chance before ours is ready: below those that systems give."""
    found = []
    for port in random.sample(range(20_000, 32_000), 1000):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise OSError("no free ports")


def start(kind, folder, **environment):
    return subprocess.Popen(
        [sys.executable, SCRIPT, kind, folder],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(processes):
    """What each process printed; what TensorFlow logs, at any time, goes to the other stream."""
    try:
        both = [process.communicate(timeout=900) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for output, log in both:
        assert output.strip().endswith("all equal"), output + log[-4000:]
    return [output for output, _ in both]


@pytest.fixture
def modules(tmp_path, tiny_module):
    shutil.copytree(tiny_module, tmp_path / "tiny")
    make_modules.half_plus_one(tmp_path / "half_plus_one")
    return tmp_path


@pytest.mark.slow
def test_two_devices_give_what_one_gives(modules):
    """Extraction, probe, plain `fit` and the recipe, on two virtual CPUs, to rounding."""
    finish([start("cpus", modules)])


@pytest.mark.slow
def test_two_workers_give_what_one_process_gives(modules):
    """The same in two processes that talk over the loopback; they also go on from a backup."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    outputs = finish(
        [start("workers", modules, TF_CONFIG=config(addresses, index=i)) for i in range(2)]
    )
    assert f"Worker 2 of 2 ({addresses[1]}): waiting for all others." in outputs[1]


def test_one_device_needs_no_strategy(monkeypatch):
    """On one processor the default is given, within whose scope nothing changes."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert tl.strategy() is tf.distribute.get_strategy()
    assert tl.strategy() is tl.strategy()
    with tl.strategy().scope():
        assert not tf.distribute.has_strategy()


def test_one_worker_is_no_cluster(monkeypatch):
    """TF_CONFIG with a single worker, as some services set it."""
    monkeypatch.setenv("TF_CONFIG", config(["a:1"]))
    assert tl.strategy() is tf.distribute.get_strategy()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (config(index=1), (["a:1", "b:1"], 1)),
        (config(chief=["c:1"], index=1), (["c:1", "a:1", "b:1"], 2)),
        (config(chief=["c:1"], kind="chief"), (["c:1", "a:1", "b:1"], 0)),
    ],
)
def test_places_in_a_cluster(text, place):
    """The chief is the first; workers follow in their order."""
    assert strategy._read_config(text) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{worker", r"TF_CONFIG is not JSON .*'\{worker'\. Expected is \{\"cluster\""),
        ("[1]", r"TF_CONFIG is of another form: '\[1\]'\. Expected is"),
        ("{}", r"TF_CONFIG has no 'cluster'.*Expected is"),
        ('{"cluster": {"worker": ["a:1"]}}', r"TF_CONFIG has no 'task'"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}', r"has no 'index'"),
        ('{"cluster": ["a:1"], "task": {"type": "worker", "index": 0}}', "is of another form"),
        (config(index=2), r"index in TF_CONFIG is 2; the cluster has 2 .* from 0 to 1 is expected"),
        (config(index="0"), r"index in TF_CONFIG is '0'"),
        (config(kind="boss"), r"is of type 'boss'; the cluster has \['worker'\]"),
        (config(ps=["c:1"]), r"tasks of type \['ps'\]; 'worker' is expected"),
        (config(["a:1", "b"]), r"\['b'\] are no addresses 'host:port'"),
        (config(["a:1", "a:1"]), "an address occurs twice"),
    ],
)
def test_configuration_that_is_refused(text, message, monkeypatch):
    """The message tells what is wrong and shows the form."""
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message):
        tl.strategy()


def test_too_late_for_virtual_devices(monkeypatch):
    """TensorFlow's devices are fixed once it has computed something."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    tf.constant(1.0)
    with pytest.raises(RuntimeError, match=r"2 virtual CPUs .* in use already, with 1\. Restart"):
        tl.strategy(virtual_cpus=2)


def test_virtual_devices_that_are_refused(monkeypatch):
    """One device is no practice, workers bring their own, and a number is expected."""
    with pytest.raises(
        ValueError,
        match="virtual_cpus is 1; a whole number of at least 2",
    ):
        tl.strategy(virtual_cpus=1)
    with pytest.raises(TypeError, match="virtual_cpus is '2'; a whole number"):
        tl.strategy(virtual_cpus="2")
    monkeypatch.setenv("TF_CONFIG", config())
    with pytest.raises(ValueError, match="names 2 workers, and virtual_cpus=2 asks"):
        tl.strategy(virtual_cpus=2)
