"""A real browser for tests, and JupyterLab as `make` opens it.

The browser is Debian's Chromium, driven by Playwright, with a profile of its own.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
PATIENCE = 120_000  # milliseconds for a step; a busy machine is slow

ROOT = Path(__file__).parents[1]


@contextmanager
def jupyter_lab(folder, *target, **settings):
    """Yield the address of JupyterLab, opened by `make` for somebody new, and its log in `folder`.

    `target` is what `make` is told, `settings` stand in its environment.
    """
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    log = folder / "lab.txt"
    command = ["make", "--assume-old=.venv/.installed", *target]
    command += [f"BIN={Path(sys.executable).parent}"]
    command += ["LAB_ARGS=--no-browser --allow-root --port=0"]
    ours = ("JUPYTER", "MPL")  # settings of these tests, not of somebody new
    environment = {name: v for name, v in os.environ.items() if not name.startswith(ours)}
    with log.open("wb") as stream:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment | {name: str(value) for name, value in settings.items()},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while not (found := re.search(r"http://127\S+", log.read_text(encoding="utf-8"))):
            with pytest.raises(subprocess.TimeoutExpired):  # else it ended, which is a failure
                started.wait(0.2)
        yield found[0], log
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        started.wait(60)


@contextmanager
def chromium(profile, *arguments):
    """Yield a browser context; skips the test, with the reason, where there is none."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=CHROMIUM,
            args=[*ARGUMENTS, *arguments],
            timeout=PATIENCE,
        )
        context.set_default_timeout(PATIENCE)
        yield context
        context.close()


def new_tab(context, address):
    """A page that reaches this address alone; `elsewhere` has what it asked of other machines."""
    tab = context.new_page()
    tab.elsewhere = []

    def only_here(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            tab.elsewhere.append(route.request.url)
            route.abort()

    tab.route("**/*", only_here)
    return tab
