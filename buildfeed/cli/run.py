"""`buildfeed run`: runs any command here, unchanged, and shows it as a build."""

import getpass
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from buildfeed import build_ids, names
from buildfeed.activity import Address
from buildfeed.broker.mqtt import session
from buildfeed.broker.options import Seconds, check_url
from buildfeed.cli.configuration import Configuration, ConfigurationRefused
from buildfeed.cli.watched_command import WatchedCommand
from buildfeed.command import ANONYMOUS
from buildfeed.errors import BuildfeedError, InvalidName
from buildfeed.log import configure
from buildfeed.runner import environment
from buildfeed.runner.command import KILL_AFTER
from buildfeed.runner.exit_code import leave_with
from buildfeed.runner.guarded import CannotRun
from buildfeed.runner.make_list import make_list
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Output
from buildfeed.runner.progress.expression import Expression
from buildfeed.runner.progress_file import ProgressFile
from buildfeed.runner.report import ATTEMPT, Report
from buildfeed.runner.short_text import short_text
from buildfeed.runner.unread import Unread

if TYPE_CHECKING:
    from buildfeed.cli.watch import Watch

_SWITCH_SECONDS: Final = 0.0005
"""How long our reading may keep up the thread that passes the output on (sys.setswitchinterval). By
Python's own 5 ms for each piece, a command that prints much takes up to twice as long."""
_SIGNALS: Final = ("TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "USR2")
_NOBODY: Final = (
    "buildfeed: nobody sees this build, as no broker is known: run `buildfeed up` here, or give "
    "--mqtt-url."
)


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
    help="Whose build it is.  [default: that of buildfeed.toml, or the name of this folder]",
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
    help="The broker.  [default: that of buildfeed.toml, or of a `buildfeed up` that runs here]",
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
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        if regex is not None:
            Expression(regex)  # raises what is wrong with it before anything runs
        with ProgressFile() as progress_file:
            folder = Path.cwd()
            found = Configuration(folder, os.environ)
            unseen = _NOBODY
            try:
                where = mqtt_url or found.mqtt_url
                project = project or found.project
            except ConfigurationRefused as exc:  # the command comes first
                where = None
                unseen = f"buildfeed: nobody sees this build: {exc}"
            build = build_ids.new()
            project = project or _of_folder(folder)
            told = environment.of_build(project, build, ATTEMPT, progress_file.path)
            its_own = environment.without_secrets(environment.own()) | told
            masking = Masking(os.environ, masks)
            watch = None
            if where:
                title = _title(title, command, masking)
                name = _runner_name(where)
                report = Report(project, build, name, by=_person(), job=job, title=title, url=url)
                watch = partial(
                    _watch,
                    where,
                    name,
                    report,
                    progress_file,
                    command=command,
                    directory=str(folder),
                    masking=masking,
                    begun=time.monotonic(),
                    regex=regex,
                    recipe_lines=make_list(command, folder, its_own),
                    output=None if no_log else Output(),
                )
            else:
                click.echo(unseen, err=True)
            run = WatchedCommand(command, its_own, watch)
            code = run.until_ended(signal.Signals[f"SIG{stop_signal}"], kill_after)
    except CannotRun as exc:
        click.echo(str(exc), err=True)
        leave_with(exc.exit_code)
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc
    leave_with(code)


def _watch(
    where: str,
    name: str,
    report: Report,
    progress_file: ProgressFile,
    unread: Unread,
    **reading: Any,  # noqa: ANN401 - those of OutputReader
) -> "Watch":
    """Begin to watch; the command runs already, and does not wait for these imports."""
    from buildfeed.cli.own_build import OwnBuild  # noqa: PLC0415
    from buildfeed.cli.watch import Watch  # noqa: PLC0415
    from buildfeed.runner.output_reader import OutputReader  # noqa: PLC0415

    reader = OutputReader(**reading)
    return Watch(unread, progress_file, reader, OwnBuild(where, name, report, reader))


def _title(given: str | None, command: Sequence[str], masking: Masking) -> str:
    """Return what people read: the command line, where nothing was given that can be seen."""
    title = short_text(masking.text(given or ""))
    return title or short_text(masking.text(shlex.join(command)))


def _runner_name(url: str) -> str:
    """Return a name for the presence: a token has those that begin with its own name."""
    address = session.Address.parse(url)
    digits = build_ids.new()[-8:]
    if address.owner:
        name = f"{address.user}-{digits}"
        return name if names.is_name(name) else str(address.user)
    return names.worker_name(os.uname().nodename, digits)


def _of_folder(folder: Path) -> str:
    """Return the name of a project for a folder: what is no letter or digit becomes `-`."""
    letters = [each if each.isascii() and each.isalnum() else "-" for each in folder.name.lower()]
    return "".join(letters).strip("-")[: names.MOST].strip("-") or "default"


def _person() -> str:
    try:
        return short_text(getpass.getuser())
    except (KeyError, OSError):
        return ANONYMOUS


if __name__ == "__main__":
    sys.exit(main())
