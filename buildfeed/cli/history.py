"""The history, as commands that ask it and end use it."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from buildfeed.errors import HistoryUnavailable
from buildfeed.history.options import missing_file
from buildfeed.history.store import Store
from buildfeed.log import configure


@contextmanager
def opened(
    url: str,
    *,
    makes: bool = False,
    failure: type[click.ClickException] = click.ClickException,
) -> Iterator[Store]:
    """Give the history at a URL; one that is not there is made only if the command `makes` one.

    Raises a `failure`, with one sentence, when the history cannot be used.
    """
    configure("error")  # a failure is told once, by the exit message
    if not makes and (file := missing_file(url)):
        raise failure(
            f"There is no history in {file}: name that of the gateway by --database-url, or its "
            "folder by --data-dir."
        )
    try:
        store = Store(url)
        try:
            yield store
        finally:
            store.close()
    except HistoryUnavailable as exc:
        raise failure(str(exc)) from exc
