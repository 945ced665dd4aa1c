"""A fault in the reading of a command's output is no fault of the command."""

import signal
import time
from collections.abc import Iterator
from functools import partial

import pytest

from buildfeed.activity import Status
from buildfeed.cli.own_build import OwnBuild
from buildfeed.cli.watch import Watch
from buildfeed.cli.watched_command import WatchedCommand
from buildfeed.errors import InvalidActivity
from buildfeed.runner import environment
from buildfeed.runner.masking import Masking
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_file import ProgressFile
from buildfeed.runner.report import Report
from buildfeed.runner.unread import Unread


def report() -> Report:
    return Report("acme", "b1", "runner", by="ada", job="default", title="sh")


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
    build = OwnBuild("mqtt://127.0.0.1:1", "runner", report(), reader)
    watch = partial(Watch, progress_file=progress_file, reader=reader, own_build=build)
    script = "echo one; sleep 0.3; echo two; exit 3"
    run = WatchedCommand(("sh", "-c", script), environment.own(), watch)

    assert run.until_ended(signal.SIGTERM, 1) == 3
    assert capfd.readouterr().out == "one\ntwo\n"
    faults = [each for each in caplog.records if each.levelname == "ERROR"]
    assert [each.getMessage() for each in faults] == ["build.reading_failed"]


def test_a_command_goes_on_though_nobody_can_watch_it(capfd: pytest.CaptureFixture[str]) -> None:
    def watch(_unread: Unread) -> Watch:
        raise ImportError("no module named paho")

    run = WatchedCommand(("sh", "-c", "sleep 0.3; echo done; exit 3"), environment.own(), watch)

    assert run.until_ended(signal.SIGTERM, 1) == 3
    assert capfd.readouterr() == (
        "done\n",
        "buildfeed: nobody sees this build: no module named paho\n",
    )


class Untold(OwnBuild):
    """A build that cannot be told: it fails at its `fails_at`."""

    fails_at = ""

    def begin(self) -> None:
        if self.fails_at == "begin":
            raise InvalidActivity("builds/acme/b1/status", "it has no title")
        super().begin()

    def end(self, status: Status, code: int) -> bool:
        if self.fails_at == "end":
            raise InvalidActivity("builds/acme/b1/status", "it has no title")
        return super().end(status, code)


@pytest.mark.parametrize("fails_at", ["begin", "end"])
def test_a_build_that_cannot_be_told_does_not_end_its_command(
    progress_file: ProgressFile, capfd: pytest.CaptureFixture[str], fails_at: str
) -> None:
    reader = OutputReader(("sh",), directory="/", masking=Masking({}), begun=time.monotonic())
    build = Untold("mqtt://127.0.0.1:1", "runner", report(), reader)
    build.fails_at = fails_at
    watch = partial(Watch, progress_file=progress_file, reader=reader, own_build=build)
    command = ("sh", "-c", "sleep 0.3; echo done; exit 3")
    run = WatchedCommand(command, environment.own(), watch)

    assert run.until_ended(signal.SIGTERM, 1) == 3
    out, err = capfd.readouterr()
    assert out == "done\n"
    assert "it has no title" in err
    assert err.count("\n") == 1
