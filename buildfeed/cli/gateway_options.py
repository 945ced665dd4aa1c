"""The options of every command that asks a gateway, and the gateway that they name."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click

from buildfeed.cli import bearer, web_url
from buildfeed.cli.configuration import Configuration
from buildfeed.errors import BuildfeedError
from buildfeed.terminal.gateway import Gateway
from gateway.access.anonymous import is_loopback

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option(
        "--url",
        envvar="BUILDFEED_URL",
        callback=web_url.check,
        help="The gateway.  [default: that of buildfeed.toml, or of a `buildfeed up` that runs "
        "here]",
    ),
    click.option(
        "--token",
        envvar="BUILDFEED_TOKEN",
        callback=bearer.check,
        help="Who asks; best as the variable or in a file, as others see command lines.",
    ),
    click.option(
        "--tokens-by-http",
        envvar="BUILDFEED_TOKENS_BY_HTTP",
        is_flag=True,
        help="Send the token by http too, where everybody on the way reads it.",
    ),
)


_FOREIGN: Final = (
    "Only a buildfeed.toml of this folder or one above says where the gateway is, and it may be "
    "somebody else's, so your token is not sent there: give BUILDFEED_URL too, or put url and "
    "token into ~/.config/buildfeed/config.toml."
)


class NotDone(click.ClickException):
    """The gateway does not do what was asked, or cannot be asked."""

    exit_code = 4


def asks_gateway(command: Command) -> Command:
    """Add `--url`, `--token` and `--tokens-by-http`, for `gateway_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def gateway_of(*, url: str | None, token: str | None, tokens_by_http: bool) -> Gateway:
    """Return the gateway that the options or the files name.

    Raises click.UsageError when none does, when a token would travel in the clear, or when it would
    go where only a checkout says.
    """
    found = Configuration(Path.cwd(), os.environ)
    try:
        is_told = url is not None
        url = url or found.url
        if url is None:
            raise click.UsageError(
                "No gateway is known: run `buildfeed up` here, or say --url, BUILDFEED_URL, or "
                'url = "https://…" in buildfeed.toml.'
            )
        if token and not is_told and not found.is_own(url):
            raise click.UsageError(_FOREIGN)
        token = token or found.token_for(url)
    except BuildfeedError as exc:
        raise click.UsageError(str(exc)) from exc
    if token and not (tokens_by_http or _is_safe(url)):
        raise click.UsageError(
            "A token must not travel in the clear: say https:// in the address of the gateway, or "
            "--tokens-by-http in a network that you trust."
        )
    return Gateway(url, token)


def _is_safe(url: str) -> bool:
    """Tell whether nobody on the way reads what is sent."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
