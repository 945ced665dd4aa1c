"""`buildfeed tail`: watches builds from a terminal."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from buildfeed.cli import following
from buildfeed.cli.gateway_options import asks_gateway, gateway_of
from buildfeed.errors import InvalidFilter, InvalidName
from buildfeed.terminal import lines, safe_text
from buildfeed.terminal.display import Display
from buildfeed.terminal.lines import Lines
from buildfeed.terminal.wanted import Wanted


def _wanted(_context: click.Context, _parameter: click.Parameter, word: str | None) -> Wanted:
    try:
        return Wanted.parse(word)
    except (InvalidName, InvalidFilter) as exc:
        raise click.BadParameter(str(exc)) from exc


@click.command("tail")
@click.option("--latest", is_flag=True, help="Only the newest of these builds, then the next one.")
@click.option("--log", is_flag=True, help="The output of the build: of one, so not of a filter.")
@click.option("--json", "as_json", is_flag=True, help="The events, one JSON object a line.")
@click.option("--wait", is_flag=True, help="End with the build; the exit code says how it went.")
@asks_gateway
@click.argument("wanted", metavar="[FILTER]", required=False, callback=_wanted)
def main(
    *,
    wanted: Wanted,
    latest: bool,
    log: bool,
    as_json: bool,
    wait: bool,
    **asked: Any,  # noqa: ANN401 - those of gateway_of
) -> None:
    """Watch builds: all, those of PROJECT, PROJECT/BUILD, or those of an MQTT filter.

    With --wait it ends with 0 when the build succeeded, 1 when it failed, 3 when it was stopped,
    and 4 when the gateway refuses or cannot be reached.
    """
    for option, given in (("--log", log), ("--wait", wait)):
        if given and not (wanted.build or latest):
            raise click.UsageError(f"{option} is for one build: say PROJECT/BUILD, or --latest.")
    gateway = gateway_of(**asked)
    shown: AbstractContextManager[Display]
    if as_json:
        shown = nullcontext(following.json_lines())
    elif log:
        shown = nullcontext(Lines(sys.stderr, sys.stderr))
    else:
        shown = following.drawn(sys.stdout)
    write = (following.write_json if as_json else following.write_text) if log else None
    try:
        with shown as display:
            code = following.follow(gateway, wanted, display, write=write, latest=latest, wait=wait)
    finally:
        if log and not as_json and sys.stdout.isatty():
            lines.write(sys.stdout, safe_text.RESET)
    click.get_current_context().exit(code)
