"""The address of a gateway on the command line, or in a file."""

from urllib.parse import urlsplit

import click


def valid(text: str) -> str:
    """Return an address of the web; raise click.BadParameter for anything else."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        # The value is not quoted: it may contain a password.
        raise click.BadParameter("it is not http://host:port or https://host.")
    if not (text.isascii() and text.isprintable() and " " not in text):
        # It is shown in sentences, and a terminal would obey what a stranger's file has.
        raise click.BadParameter("it has more than printable ASCII without spaces.")
    return text


def check(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Return the value of an option, as a callback of click."""
    return None if value is None else valid(value)
