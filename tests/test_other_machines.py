"""Codespaces and Binder get what `make` installs: the same lock, on a Python that is supported."""

import json
import os
import re

from packaging.specifiers import SpecifierSet
from test_package import PROJECT, ROOT

SUPPORTED = SpecifierSet(PROJECT["requires-python"])
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_container_is_made_by_make():
    """Its command is a target of the Makefile, and its Python one that the course supports."""
    path = ROOT / ".devcontainer" / "devcontainer.json"
    container = json.loads(path.read_text(encoding="utf-8"))
    target = container["postCreateCommand"].removeprefix("make ")
    assert re.search(rf"^STAMP := {re.escape(target)}$", MAKEFILE, re.M)
    assert re.search(r"^\$\(STAMP\): requirements\.txt pyproject\.toml$", MAKEFILE, re.M)
    assert container["image"].removeprefix("python:") in SUPPORTED
    python = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python == "${containerWorkspaceFolder}/.venv/bin/python"


def test_binder_installs_what_make_installs():
    """The same options of pip, the same files, in the same order."""
    script = ROOT / "binder" / "postBuild"
    installs = re.findall(r"pip install (.+)", script.read_text(encoding="utf-8"))
    options = [line.replace("--no-cache-dir ", "") for line in installs]
    assert options == re.findall(r"^\t@\$\(BIN\)/python -m pip install (.+)", MAKEFILE, re.M)
    assert os.access(script, os.X_OK)
    version = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    assert version.removeprefix("python-") in SUPPORTED
