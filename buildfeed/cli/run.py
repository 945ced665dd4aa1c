"""`buildfeed run`: runs any command here, unchanged, and shows it as a build."""

import getpass
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Final

import click
import msgspec

from buildfeed import build_ids, names
from buildfeed.activity import Address
from buildfeed.broker.mqtt import session
from buildfeed.broker.options import Seconds, check_url
from buildfeed.cli import here
from buildfeed.cli.own_build import OwnBuild
from buildfeed.cli.watched_command import WatchedCommand
from buildfeed.command import ANONYMOUS
from buildfeed.documents import whole
from buildfeed.errors import BuildfeedError, InvalidName
from buildfeed.log import configure
from buildfeed.runner import environment
from buildfeed.runner.command import KILL_AFTER
from buildfeed.runner.exit_code import leave_with
from buildfeed.runner.guarded import CannotRun
from buildfeed.runner.masking import Masking
from buildfeed.runner.output import Output
from buildfeed.runner.output_reader import OutputReader
from buildfeed.runner.progress_file import ProgressFile
from buildfeed.runner.report import ATTEMPT, Report

_MOST: Final = 200
"""Characters of a title, and of the name of a person."""
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
            reader = OutputReader(
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
                own_build = OwnBuild(where, name, report, reader)
            else:
                click.echo(_NOBODY, err=True)
            run = WatchedCommand(command, its_own, reader, progress_file, own_build)
            code = run.until_ended(signal.Signals[f"SIG{stop_signal}"], kill_after)
    except CannotRun as exc:
        click.echo(str(exc), err=True)
        leave_with(exc.exit_code)
    except BuildfeedError as exc:
        raise click.ClickException(str(exc)) from exc
    leave_with(code)


def _found() -> str | None:
    found = here.find(Path.cwd())
    return found.mqtt_url if found else None


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
        return _short(getpass.getuser())
    except (KeyError, OSError):
        return ANONYMOUS


def _short(text: str) -> str:
    """Return a text as the contract has room for it."""
    text = " ".join(whole(text).split())
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


if __name__ == "__main__":
    sys.exit(main())
