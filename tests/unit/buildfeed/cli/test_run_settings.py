"""`buildfeed run` beside settings that are refused: the command comes first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    own = {k: v for k, v in os.environ.items() if not k.startswith(("BUILDFEED_", "XDG_CONFIG"))}
    return subprocess.run(
        [sys.executable, "-m", "buildfeed", "run", *words, "--", "sh", "-c", "echo ran; exit 3"],
        cwd=folder,
        env={**own, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "mode"), [('project = "acme"\n', 0o666), ("project = acme", 0o600)]
)
@pytest.mark.parametrize("words", [(), ("--mqtt-url", "mqtt://127.0.0.1:1")])
def test_a_refused_file_is_told_and_the_command_runs_the_same(
    tmp_path: Path, text: str, mode: int, words: tuple[str, ...]
) -> None:
    path = tmp_path / "buildfeed.toml"
    path.write_text(text)
    path.chmod(mode)
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (3, "ran\n")
    assert done.stderr.startswith(f"buildfeed: nobody sees this build: The file {path} is refused")
    assert done.stderr.count("\n") == 1
