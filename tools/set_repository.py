"""Write the repository's address everywhere it stands, as a fork needs it.

    python tools/set_repository.py owner/name

Its source is pyproject.toml. Every file that git knows or would add is read, and only the address
in it is changed: that of pyproject.toml, and whatever badges and set-up cells name. To be run again
after a merge that brings new notebooks. Needs nothing but Python and git.
"""

import argparse
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
GITHUB = "https://github.com/"
# What stands before owner/name in a link to Colab, in its badge, and in the set-up cell
COLAB = "(https://colab.research.google.com/github/"
BADGE = f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]{COLAB}"
INSTALL = f"tlhelpers @ {GITHUB}"
PLACE = r"[A-Za-z\d](?:-?[A-Za-z\d]){0,38}/(?:\.?[\w-]){1,100}"


def address(root=ROOT):
    """The repository's address, from the one place where it stands."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"]


def place(given):
    """`owner/name` of what was given: that, or its address on GitHub."""
    short = given.strip().removeprefix(GITHUB).removesuffix("/").removesuffix(".git")
    if not re.fullmatch(PLACE, short, re.A) or short.endswith(".git"):
        raise SystemExit(
            f"{given!r} is no repository on GitHub; owner/name is expected, such as "
            f"some-school/our-course, or its address, {GITHUB}some-school/our-course."
        )
    return short


def rewritten(content, old, new):
    """The bytes of a file with `new` (owner/name) as the repository's place, and how often."""
    made = rf"(?P<made>{re.escape(COLAB)}|{re.escape(INSTALL)}){PLACE}"
    sites = r"github\.com[/:]|githubusercontent\.com/|/github/|/gh/"
    end = r"(?![\w-]|\.(?!git\b)[\w-])"  # the name is not longer
    known = rf"(?P<site>{sites}){re.escape(old)}{end}"
    return re.subn(
        f"{made}|{known}".encode(),
        lambda found: (found["made"] or found["site"]) + new.encode(),
        content,
    )


def files(root):
    """Text files that git knows or would add, pyproject.toml last."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=root, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"git does not list the files of {root} ({done.stderr.decode().strip()}). "
            "Clone the repository, or run: git init"
        )
    names = sorted({os.fsdecode(name) for name in done.stdout.split(b"\0") if name})
    paths = [root / name for name in names if name != "pyproject.toml"]
    for path in [*paths, root / "pyproject.toml"]:
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if b"\0" not in content:
                yield path, content


def write_all(contents):
    """Write files, all or none: beside them first, where a full disk does no harm."""
    beside = {path: path.with_name(f"{path.name}.part") for path in contents}
    try:
        for path, part in beside.items():
            part.write_bytes(contents[path])
            shutil.copymode(path, part)
        for path, part in beside.items():
            part.replace(path)
    finally:
        for part in beside.values():
            part.unlink(missing_ok=True)


def set_repository(given, root=ROOT):
    """Write the address, and say where it was changed."""
    new, old = place(given), place(address(root))
    changed = {}
    for path, content in files(root):
        text, places = rewritten(content, old, new)
        if text != content:
            changed[path] = text
            print(f"{path.relative_to(root)}: {places}")
    write_all(changed)
    what = f"{len(changed)} files changed, to be committed" if changed else "nothing to change"
    print(f"The repository is {GITHUB}{new}: {what}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("repository", help="owner/name, or an address on GitHub")
    set_repository(parser.parse_args().repository)
