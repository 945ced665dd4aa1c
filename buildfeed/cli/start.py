"""`buildfeed start`: starts a build from a terminal."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from buildfeed import names
from buildfeed.cli import following
from buildfeed.cli.gateway_options import NotDone, asks_gateway, gateway_of
from buildfeed.errors import InvalidName
from buildfeed.terminal import press
from buildfeed.terminal.gateway import Away, Gateway, Refused
from buildfeed.terminal.picture import State
from buildfeed.terminal.wanted import Wanted


def name(_context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """Return the name of a project, a job or a build, as a callback of click."""
    try:
        return None if given is None else names.check(parameter.name or "", given)
    except InvalidName as exc:
        raise click.BadParameter(str(exc)) from exc


def _parameters(
    _context: click.Context, _parameter: click.Parameter, given: Sequence[str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not (key and equals) or key in found:
            raise click.BadParameter(f"{each!r} is not NAME=VALUE, each name once.")
        found[key] = value
    return found


@click.command("start")
@click.option("--job", callback=name, help="Which job of the project.  [default: the worker's]")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_parameters,
    help="What the job is asked for. Repeat it for more.",
)
@click.option("--wait", is_flag=True, help="Follow the build; the exit code says how it went.")
@asks_gateway
@click.argument("project", callback=name)
def main(
    *,
    project: str,
    job: str | None,
    parameters: dict[str, str],
    wait: bool,
    **asked: Any,  # noqa: ANN401 - those of gateway_of
) -> None:
    """Start a build of PROJECT, and print its id.

    It ends with 4 when the gateway refuses or cannot be reached; with --wait with 0 when the build
    succeeded, 1 when it failed, and 3 when it was stopped. Ctrl-C ends the waiting, not the build,
    with 130.
    """
    gateway = gateway_of(**asked)
    body = {"job": job, "parameters": parameters or None}
    build = _started(gateway, project, body).build
    code = 0
    try:
        click.echo(build)
        click.echo(f"Started: {gateway.page(project, build)}", err=True)
        if wait:
            with following.drawn(sys.stderr) as display:
                wanted = Wanted.one(project, build)
                code = following.follow(gateway, wanted, display, wait=True, patience=True)
    except KeyboardInterrupt:
        click.echo(f"The build goes on: buildfeed stop {project} {build} ends it.", err=True)
        raise
    click.get_current_context().exit(code)


def _started(gateway: Gateway, project: str, body: dict[str, Any]) -> State:
    page = f"{gateway.url}/projects/{project}"
    try:
        return press.start(gateway, project, {k: v for k, v in body.items() if v is not None})
    except Refused as exc:
        raise NotDone(exc.reason) from exc
    except Away as exc:
        doubt = f" It may have been started: see {page}."
        raise NotDone(exc.reason + (doubt if exc.sent else "")) from exc
    except KeyboardInterrupt:
        click.echo(f"The start may have been sent already: see {page}.", err=True)
        raise
