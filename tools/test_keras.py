"""Run the tests of private names and of saved models with each Keras that the course supports.

    python tools/test_keras.py [3.13.2 ...]

Each version is installed into a folder of its own, in front of the one in the environment.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.13.2", "3.14.1", "3.15.1")  # the last of each line
TESTS = ("tests/test_keras_private.py", "tests/test_safe_mode.py")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("versions", nargs="*", default=VERSIONS)
    for version in parser.parse_args().versions:
        with tempfile.TemporaryDirectory() as folder:
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*install, "--target", folder, f"keras=={version}"], check=True)
            print(f"Keras {version}:", flush=True)
            path = os.pathsep.join([folder, str(ROOT)])
            command = [sys.executable, "-m", "pytest", "--quiet", "--disable-warnings", *TESTS]
            subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, check=True)


if __name__ == "__main__":
    main()
