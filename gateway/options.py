"""The command line options that `buildfeed gateway` and `buildfeed up` share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gateway import hosts

Command = TypeVar("Command", bound=Callable[..., Any])


def origins(command: Command) -> Command:
    """Add `--origin`, given to the command as `origins`: a tuple, each as browsers write it."""
    return click.option(
        "--origin",
        "origins",
        envvar="BUILDFEED_ORIGINS",
        multiple=True,
        callback=_origins,
        help="Web origin (https://host) whose pages may watch and command; repeatable.",
    )(command)


def _origins(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(map(_origin, values))


def _origin(text: str) -> str:
    origin = hosts.origin(text.removesuffix("/"))
    if origin is None:
        raise click.BadParameter(
            f"{text!r} is no web origin: write what stands in the address bar before the path, "
            "as in https://builds.example or http://192.0.2.7:8000."
        )
    return str(origin)
