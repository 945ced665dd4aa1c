"""`buildfeed run`: runs any command here, unchanged, and shows it as a build."""

import getpass
import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import msgspec

from buildfeed import build_ids, names
from buildfeed.activity import Address, Status
from buildfeed.broker.mqtt import session
from buildfeed.broker.options import Seconds, check_url
from buildfeed.cli import here
from buildfeed.cli.own_build import OwnBuild
from buildfeed.command import ANONYMOUS
from buildfeed.documents import whole
from buildfeed.errors import BuildfeedError, InvalidName
from buildfeed.log import configure
from buildfeed.runner import environment, terminal
from buildfeed.runner.command import KILL_AFTER, Command
from buildfeed.runner.exit_code import leave_with
from buildfeed.runner.foreground import in_foreground
from buildfeed.runner.guarded import CannotRun
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Output
from buildfeed.runner.progress_file import ProgressFile
from buildfeed.runner.reading import BuildReading
from buildfeed.runner.report import ATTEMPT, Report

log = logging.getLogger(__name__)

_TURN_SECONDS: Final = 0.05
_MOST_UNREAD_BYTES: Final = 16 * 1024 * 1024
"""Output that waits to be read, while a command prints faster than anybody reads."""
_TITLE: Final = 200
_SIGNALS: Final = ("TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "USR2")
_NOBODY: Final = (
    "buildfeed: nobody sees this build, as no broker is known: run `buildfeed up` here, or give "
    "--mqtt-url."
)
_NOT_TAKEN: Final = "buildfeed: the broker has not taken the end of this build"


def _name(_context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    try:
        return None if given is None else names.check(parameter.name or "", given)
    except InvalidName as exc:
        raise click.BadParameter(str(exc)) from exc


def _address(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    try:
        return None if given is None else msgspec.convert(given, Address)
    except msgspec.ValidationError as exc:
        text = "It begins with http:// or https://, and has 1024 characters at most."
        raise click.BadParameter(text) from exc


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.option(
    "--project",
    "-p",
    envvar="BUILDFEED_PROJECT",
    callback=_name,
    help="Whose build it is.  [default: the name of this folder]",
)
@click.option(
    "--job",
    envvar="BUILDFEED_JOB",
    default="default",
    show_default=True,
    callback=_name,
    help="Which job of the project it is.",
)
@click.option("--title", help="What people read.  [default: the command line]")
@click.option("--url", callback=_address, help="Where else the build can be seen: a page of a CI.")
@click.option("--no-log", is_flag=True, help="Keep the output here.")
@click.option(
    "--mask",
    "masks",
    multiple=True,
    metavar="RE",
    help="What is a secret in the output, besides what looks like one. Repeat it for more.",
)
@click.option(
    "--regex",
    metavar="RE",
    help="How the output tells progress: groups `percent`, or `done` and `total`, and `phase`.",
)
@click.option(
    "--stop-signal",
    type=click.Choice(_SIGNALS),
    default="TERM",
    show_default=True,
    help="How it is asked to stop.",
)
@click.option(
    "--kill-after",
    type=Seconds(0, 86_400),
    default=KILL_AFTER,
    show_default=True,
    help="Seconds from then on until it is killed.",
)
@click.option(
    "--mqtt-url",
    envvar="BUILDFEED_MQTT_URL",
    callback=check_url,
    help="The broker.  [default: that of a `buildfeed up` that runs here]",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def main(
    *,
    project: str | None,
    job: str,
    title: str | None,
    url: str | None,
    masks: tuple[str, ...],
    regex: str | None,
    stop_signal: str,
    kill_after: float,
    mqtt_url: str | None,
    command: tuple[str, ...],
    no_log: bool,
) -> None:
    """Run COMMAND here, unchanged, and show it as a build.

    Write -- before the command: buildfeed run -- make -j8
    """
    configure("error")
    try:
        with ProgressFile() as progress_file:
            build = build_ids.new()
            project = project or _of_folder(Path.cwd())
            told = environment.of_build(project, build, ATTEMPT, progress_file.path)
            its_own = environment.without_secrets(environment.own()) | told
            masking = Masking(os.environ, masks)
            reading = BuildReading(
                command,
                directory=str(Path.cwd()),
                masking=masking,
                begun=time.monotonic(),
                regex=regex,
                output=None if no_log else Output(),
            )
            where = mqtt_url or _found()
            own_build = None
            if where:
                title = masking.text(title or shlex.join(command))
                name = _runner_name(where)
                report = Report(
                    project, build, name, by=_person(), job=job, title=_short(title), url=url
                )
                own_build = OwnBuild(where, name, report, reading)
            else:
                click.echo(_NOBODY, err=True)
            run = _Run(command, its_own, reading, progress_file, own_build)
            code = run.until_ended(signal.Signals[f"SIG{stop_signal}"], kill_after)
    except CannotRun as exc:
        click.echo(str(exc), err=True)
        leave_with(exc.exit_code)
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc
    leave_with(code)


class _Run:
    """One run of a command; its output is read in the main thread, beside it."""

    def __init__(
        self,
        command: tuple[str, ...],
        its_own: dict[str, str],
        reading: BuildReading,
        progress_file: ProgressFile,
        own_build: OwnBuild | None,
    ) -> None:
        self._reading = reading
        self._progress_file = progress_file
        self._own_build = own_build
        self._unread: deque[tuple[bytes, int]] = deque()
        self._unread_bytes = 0
        self._news = threading.Event()
        self._terminated = False
        self._failed = False
        self._command = Command(
            command,
            directory=None,
            environment=its_own,
            output=self._hear,
            terminal=terminal.is_terminal(terminal.STANDARD_OUTPUT),
        )

    def until_ended(self, stop_signal: signal.Signals, kill_after: float) -> int:
        """Return the exit code of the command; raises CannotRun."""
        stopping = False
        with in_foreground(self._command, self._terminate):
            if self._own_build:
                self._own_build.begin()
            while not self._command.ended.done():
                if not stopping and (self._terminated or self._is_stopped):
                    stopping = True
                    self._command.stop(stop_signal, kill_after)
                self._news.wait(_TURN_SECONDS)
                self._news.clear()
                self._safely(self._turn)
            code = self._command.wait()
        self._safely(self._read_rest)
        if self._own_build:
            status: Status = "failed" if code else "succeeded"
            if stopping:
                status = "stopped"
            if not self._own_build.end(status, code):
                because = f": {self._own_build.trouble}" if self._own_build.trouble else ""
                click.echo(f"{_NOT_TAKEN}{because}.", err=True)
        return code

    @property
    def _is_stopped(self) -> bool:
        return self._own_build is not None and self._own_build.stopped

    def _terminate(self) -> None:
        self._terminated = True

    def _hear(self, data: bytes, stream: int) -> None:
        """Keep output to be read. In the thread of the relay, which does not wait."""
        self._unread.append((data, stream))
        self._unread_bytes += len(data)
        self._news.set()

    def _safely(self, step: Callable[[], None]) -> None:
        """Do a step of reading. What nobody thought of ends the reading, and not the build."""
        if self._failed:
            self._unread.clear()
            return
        try:
            step()
        except Exception:
            self._failed = True
            log.exception("build.reading_failed")

    def _read_rest(self) -> None:
        now = time.monotonic()
        self._read(now)
        self._reading.told(self._progress_file.end(), now)
        self._reading.end(now)

    def _turn(self) -> None:
        now = time.monotonic()
        self._read(now)
        self._reading.told(self._progress_file.read(), now)
        self._reading.pass_time(now)
        if self._own_build:
            self._own_build.tell(now)

    def _read(self, now: float) -> None:
        while self._unread:
            data, stream = self._unread.popleft()
            self._unread_bytes -= len(data)
            if self._unread_bytes <= _MOST_UNREAD_BYTES:
                self._reading.read(data, stream, now)
            if self._own_build and time.monotonic() - now > _TURN_SECONDS:
                now = time.monotonic()
                self._own_build.tell(now)


def _found() -> str | None:
    found = here.find(Path.cwd())
    return found.mqtt_url if found else None


def _runner_name(url: str) -> str:
    """Return a name for the presence: a token has those that begin with its own name."""
    address = session.Address.parse(url)
    digits = build_ids.new()[-8:]
    if address.owner:
        return f"{address.user}-{digits}"
    return names.worker_name(os.uname().nodename, digits)


def _of_folder(folder: Path) -> str:
    """Return the name of a project for a folder: what is no letter or digit becomes `-`."""
    letters = [each if each.isascii() and each.isalnum() else "-" for each in folder.name.lower()]
    return "".join(letters).strip("-")[: names.MOST].strip("-") or "default"


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ANONYMOUS


def _short(title: str) -> str:
    title = " ".join(whole(title).split())
    return title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"


if __name__ == "__main__":
    sys.exit(main())
