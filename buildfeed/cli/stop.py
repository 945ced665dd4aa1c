"""`buildfeed stop`: stops a build from a terminal."""

from typing import Any, Final

import click

from buildfeed.cli.gateway_options import NotDone, asks_gateway, gateway_of
from buildfeed.cli.start import name
from buildfeed.terminal import press, sentence
from buildfeed.terminal.gateway import Away, Refused

_ENDED: Final = "already-ended"


@click.command("stop")
@asks_gateway
@click.argument("project", callback=name)
@click.argument("build", callback=name)
def main(*, project: str, build: str, **asked: Any) -> None:  # noqa: ANN401 - those of gateway_of
    """Ask for the stop of BUILD of PROJECT.

    It ends with 0 also when the build has ended already, and with 4 when the gateway refuses or
    cannot be reached.
    """
    gateway = gateway_of(**asked)
    try:
        state = press.stop(gateway, project, build)
    except Refused as exc:
        if exc.problem != _ENDED:
            raise NotDone(exc.reason) from exc
        click.echo(exc.reason)
    except Away as exc:
        raise NotDone(exc.reason) from exc
    else:
        click.echo(f"{sentence.name(state)} {sentence.told(state)}")
