"""The file of progress, whatever a build does to it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildfeed.machine.folder import FolderUnusable
from buildfeed.runner.progress_file import MOST_AT_A_TIME, ProgressFile
from buildfeed.runner.progress_lines import ErrorLine, Percent


@pytest.fixture
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProgressFile]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ProgressFile() as file:
        yield file


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_only_its_owner_may_use_it_and_it_is_removed(progress: ProgressFile) -> None:
    assert stat.S_IMODE(progress.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(progress.path.parent.stat().st_mode) == 0o700
    append(progress.path.parent / "other", "left by the build")
    progress.remove()
    assert not progress.path.parent.exists()
    assert progress.read() == progress.end() == []
    progress.remove()


def test_what_is_appended_is_told_once(progress: ProgressFile) -> None:
    assert progress.read() == []
    append(progress.path, "percent 10\nperc")
    assert progress.read() == [Percent(10)]
    assert progress.read() == []
    append(progress.path, "ent 20\npercent 30")
    assert progress.read() == [Percent(20)]
    assert progress.end() == [Percent(30)]
    assert progress.end() == []


def test_a_file_that_is_written_anew_each_time_is_read_each_time(progress: ProgressFile) -> None:
    for percent in (10, 20, 30):  # of the same length
        progress.path.write_text(f"percent {percent}\n")
        os.utime(progress.path, ns=(percent, percent))  # the clock of a file system ticks slowly
        assert progress.read() == [Percent(percent)]
    progress.path.write_text("percent 5\n")
    assert progress.read() == [Percent(5)]
    progress.path.write_text("error a\nerror b\npercent 6\n")
    assert progress.read() == [ErrorLine("a"), ErrorLine("b"), Percent(6)]


def test_the_last_rewrite_counts_within_a_tick_of_the_clock_too(progress: ProgressFile) -> None:
    progress.path.write_text("percent 10\n")
    progress.read()
    found = progress.path.stat()
    progress.path.write_text("percent 20\n")
    os.utime(progress.path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert progress.end() == [Percent(20)]


def test_a_file_that_was_truncated_or_replaced_is_read_from_its_beginning(
    progress: ProgressFile,
) -> None:
    append(progress.path, "percent 10\nerror half")
    assert progress.read() == [Percent(10)]
    os.truncate(progress.path, 0)
    append(progress.path, "error c\n")
    assert progress.read() == [ErrorLine("c")]
    other = progress.path.with_name("new")
    append(other, "error c\nerror d\n")
    other.rename(progress.path)
    assert progress.read() == [ErrorLine("c"), ErrorLine("d")]
    progress.path.unlink()
    assert progress.read() == []
    append(progress.path, "error e\n")
    assert progress.read() == [ErrorLine("e")]


def test_what_is_no_file_is_not_waited_for(progress: ProgressFile, tmp_path: Path) -> None:
    progress.path.unlink()
    os.mkfifo(progress.path)
    assert progress.end() == []
    progress.path.unlink()
    (tmp_path / "elsewhere").write_text("percent 10\n")
    progress.path.symlink_to(tmp_path / "elsewhere")
    assert progress.end() == []
    progress.path.unlink()
    progress.path.mkdir()
    assert progress.end() == []


def test_of_very_much_the_newest_is_read(progress: ProgressFile) -> None:
    append(progress.path, "percent 10\n")
    with progress.path.open("ab") as file:
        file.truncate(2**40)  # no disk needs to have it
        file.write(b"error \n" * (MOST_AT_A_TIME // 7) + b"error x\npercent 50\n")
    assert progress.read()[-2:] == [ErrorLine("x"), Percent(50)]
    assert progress._offset == progress.path.stat().st_size


def test_without_a_folder_for_temporary_files_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(FolderUnusable, match="nowhere"):
        ProgressFile()
