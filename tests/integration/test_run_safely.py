"""A fault in the reading of a command's output is no fault of the command."""

import signal
import time
from collections.abc import Iterator

import pytest

from buildfeed.cli.watched_command import WatchedCommand
from buildfeed.runner import environment
from buildfeed.runner.masking import Masking
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_file import ProgressFile


class Broken(OutputReader):
    def read(self, data: bytes, stream: int, now: float) -> None:
        raise ZeroDivisionError(data, stream, now)


@pytest.fixture
def progress_file() -> Iterator[ProgressFile]:
    with ProgressFile() as file:
        yield file


def test_a_command_goes_on_though_nobody_can_read_it(
    progress_file: ProgressFile, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    reader = Broken(("sh",), directory="/", masking=Masking({}), begun=time.monotonic())
    script = "echo one; sleep 0.3; echo two; exit 3"
    run = WatchedCommand(("sh", "-c", script), environment.own(), reader, progress_file, None)

    assert run.until_ended(signal.SIGTERM, 1) == 3
    assert capfd.readouterr().out == "one\ntwo\n"
    assert [each.getMessage() for each in caplog.records] == ["build.reading_failed"]
