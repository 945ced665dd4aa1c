import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildfeed.cli import here
from buildfeed.cli.here import FOLDER, LOCK, Here
from buildfeed.machine.folder import FolderLock

SAID = Here("mqtt://buildfeed:secret@127.0.0.1:1883", "http://127.0.0.1:8000")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[FolderLock]:
    """The lock of an `up` that runs in the folder."""
    lock = FolderLock(tmp_path / FOLDER / LOCK, "up", "end it")
    lock.take()
    yield lock
    lock.release()


def test_it_is_found_in_a_folder_and_below_while_it_runs(tmp_path: Path, up: FolderLock) -> None:
    below = tmp_path / "src" / "lib"
    below.mkdir(parents=True)
    assert here.find(below) is None
    with here.told(tmp_path / FOLDER, SAID):
        assert here.find(tmp_path) == here.find(below) == SAID
        assert (tmp_path / FOLDER / "up.json").stat().st_mode & 0o077 == 0
    assert here.find(below) is None


def test_one_that_was_killed_is_not_there(tmp_path: Path, up: FolderLock) -> None:
    with here.told(tmp_path / FOLDER, SAID):
        up.release()
        assert here.find(tmp_path) is None


def test_somebody_elses_is_not_ours(
    tmp_path: Path, up: FolderLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with here.told(tmp_path / FOLDER, SAID):
        monkeypatch.setattr(os, "getuid", lambda: -1)
        assert here.find(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_file_that_says_nothing_is_none(tmp_path: Path, up: FolderLock, text: str) -> None:
    (tmp_path / FOLDER / "up.json").write_text(text)
    assert here.find(tmp_path) is None
