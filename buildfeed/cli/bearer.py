"""A token on the command line, in a variable, or in a file."""

import click


def valid(text: str) -> str:
    """Return a token as a header can have it; raise click.BadParameter for anything else.

    Secrets of a CI often end with a line end, which is left out.
    """
    text = text.strip()
    if not text or not (text.isascii() and text.isprintable() and " " not in text):
        raise click.BadParameter("it is no token.")  # not quoted, as most of it may be one
    return text


def check(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Return the value of an option, as a callback of click; none and an empty one are no token."""
    return valid(value) if value else value
