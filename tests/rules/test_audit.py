"""`make audit` tells a weakness from a database that cannot be asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.packages import ROOT

FINE = "exit 0"
WEAK = "echo 'Found 2 known vulnerabilities in 1 package'; echo '2 vulnerabilities'; exit 1"
AWAY = "echo 'Failed to establish a new connection' >&2; exit 1"


@pytest.mark.parametrize(
    ("pip_audit", "npm", "code", "said"),
    [
        (FINE, FINE, 0, "requirements/image.txt: no weakness is known."),
        (WEAK, FINE, 1, "requirements/image.txt: these weaknesses are known."),
        (FINE, WEAK, 1, "./package-lock.json: these weaknesses are known."),
        (AWAY, FINE, 2, "requirements/run.txt: not audited"),
        (FINE, AWAY, 2, "benchmarks/peers/package-lock.json: not audited"),
        (WEAK, AWAY, 1, "./package-lock.json: not audited"),
    ],
)
def test_its_verdict(tmp_path: Path, pip_audit: str, npm: str, code: int, said: str) -> None:
    (tmp_path / "setup").mkdir()
    script = shutil.copy(ROOT / "setup" / "audit.sh", tmp_path / "setup")
    programs = {tmp_path / ".venv/audit/bin/pip-audit": pip_audit, tmp_path / "bin/npm": npm}
    for program, text in programs.items():
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_it_asks_of_every_lock_file() -> None:
    script = (ROOT / "setup" / "audit.sh").read_text()
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert lock.stem in script
    assert "benchmarks/peers" in script
