"""The scripts of `make run` where something is missing: one sentence that names the cause."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.packages import ROOT

NOWHERE = "http://127.0.0.1:9"
NO_NETWORK = {"PIP_INDEX_URL": NOWHERE, "PIP_EXTRA_INDEX_URL": "", "npm_config_registry": NOWHERE}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the scripts read, with a .venv that has pip but no package of ours."""
    for name in ("setup", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, tmp_path)
    pip = tmp_path / ".venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pip "$@" --target "{tmp_path}/new"\n')
    pip.chmod(0o755)
    return tmp_path


def run(checkout: Path, *command: str, **environment: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        command,
        cwd=checkout,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_without_a_network_the_packages_of_python_say_so(checkout: Path) -> None:
    code, said = run(checkout, "setup/venv.sh", "requirements/run.txt", **NO_NETWORK)
    assert code == 1
    assert said[0] == "Installing requirements/run.txt …"
    start = "Could not install the packages of requirements/run.txt: the package index cannot be "
    assert said[1].startswith(start)
    assert len(said) == 2


def test_without_a_network_the_packages_of_npm_say_so_also_with_a_read_only_home(
    checkout: Path,
) -> None:
    options = {**NO_NETWORK, "npm_config_fetch_retries": "0", "npm_config_cache": "/sys/no"}
    code, said = run(checkout, "setup/npm.sh", ".", **options)
    assert code == 1
    assert len(said) == 1
    assert "the registry of npm cannot be reached" in said[0]


def test_a_checkout_that_cannot_be_written_is_named(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    (checkout / ".venv").touch()
    code, said = run(checkout, "setup/venv.sh", "requirements/run.txt")
    assert (code, len(said)) == (1, 1)
    assert f"The folder {checkout}/.venv cannot be written" in said[0]
