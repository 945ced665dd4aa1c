"""The command line options of the history: its place, and the builds that it keeps."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from buildfeed.history import sqlite
from buildfeed.machine.folder import FolderLock
from buildfeed.presence import SILENCE_SECONDS

Command = TypeVar("Command", bound=Callable[..., Any])

MAX_DAYS: Final = 36_500
MAX_LOG_MIB: Final = 1024
_DATA_DIR: Final = "history.data_dir"
_SQLITE: Final = "sqlite"
_SQLITE_OPTIONS: Final = {
    *("timeout", "isolation_level", "detect_types", "cached_statements", "pool_size"),
}
_MAX_PATH_BYTES: Final = 500
"""SQLite takes 512 bytes (MAX_PATHNAME in os_unix.c), with the endings of its other files."""
_DRIVERS: Final = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")


def _lasting(_context: click.Context, _option: click.Parameter, value: float) -> float:
    """Return a time of silence; raise click.BadParameter if runners that live may have it."""
    if 0 < value < SILENCE_SECONDS:
        raise click.BadParameter(
            f"a live runner may be silent so long: {SILENCE_SECONDS:g} at least, or 0 for never."
        )
    return value


_KEEP: Final = (
    click.option(
        "--keep-days",
        envvar="BUILDFEED_KEEP_DAYS",
        type=click.IntRange(0, MAX_DAYS),
        default=90,
        show_default=True,
        help="Remove builds that ended so many days ago from the history; 0: never.",
    ),
    click.option(
        "--keep-builds",
        envvar="BUILDFEED_KEEP_BUILDS",
        type=click.IntRange(min=0),
        default=10_000,
        show_default=True,
        help="Remove ended builds of a project but for its newest so many; 0: never.",
    ),
    click.option(
        "--keep-log-mib",
        envvar="BUILDFEED_KEEP_LOG_MIB",
        type=click.IntRange(1, MAX_LOG_MIB),
        default=16,
        show_default=True,
        help="MiB of output that are kept of a build; of more the middle is left out.",
    ),
    click.option(
        "--keep-logs-gib",
        envvar="BUILDFEED_KEEP_LOGS_GIB",
        type=click.FloatRange(min=0),
        default=10.0,
        show_default=True,
        help="GiB of output that are kept of all builds, the newest; 0: no limit.",
    ),
    click.option(
        "--abandon-after",
        envvar="BUILDFEED_ABANDON_AFTER",
        type=click.FloatRange(min=0),
        default=600.0,
        show_default=True,
        callback=_lasting,
        help="Seconds until a build that nobody takes over ends if its runner is gone, "
        "30 at least; 0: never.",
    ),
)


def database_url(command: Command) -> Command:
    """Add `--database-url`, given to the command as `database_url`, and `--data-dir`."""
    with_url = click.option(
        "--database-url",
        envvar="BUILDFEED_DATABASE_URL",
        callback=_url,
        help="History database, as SQLAlchemy writes it.  [default: history.db in --data-dir]",
    )
    with_dir = click.option(
        "--data-dir",
        envvar="BUILDFEED_DATA_DIR",
        default=".buildfeed",
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        is_eager=True,  # the other default needs it
        expose_value=False,
        callback=_remember,
        help="Folder of files that outlast the process.",
    )
    return with_url(with_dir(command))


def keep(command: Command) -> Command:
    """Add the options of what is kept of builds, and of those that were abandoned.

    They are given to the command as `keep_days`, `keep_builds`, `keep_log_mib`, `keep_logs_gib` and
    `abandon_after`.
    """
    for option in reversed(_KEEP):
        command = option(command)
    return command


def data_dir() -> Path:
    """Return the `--data-dir` of the command that runs in this thread."""
    path: Path = click.get_current_context().meta[_DATA_DIR]
    return path


def missing_file(url: str) -> Path | None:
    """Return the file of a database that is not there; None if it is there, or is no file."""
    parsed = make_url(url)
    file = sqlite.file_of(parsed) if parsed.get_backend_name() == _SQLITE else None
    return file if file and not file.exists() else None


def place(url: str) -> str:
    """Return where a database is, for people: its file, or its URL without the password."""
    parsed = make_url(url)
    file = sqlite.file_of(parsed) if parsed.get_backend_name() == _SQLITE else None
    return str(file or parsed)


def recorder_lock(url: str, recorder_id: str, advice: str) -> FolderLock | None:
    """Return the lock of the one recorder of this id; None for a database that is no file."""
    found = make_url(url)
    file = sqlite.file_of(found) if found.get_backend_name() == _SQLITE else None
    if file is None:
        return None
    return FolderLock(
        file.with_name(f"{file.name}.{recorder_id}.lock"),
        f"A recorder {recorder_id!r} of {file.name}",
        advice,
    )


def _remember(context: click.Context, _option: click.Parameter, value: Path) -> None:
    context.meta[_DATA_DIR] = value


def _url(context: click.Context, _option: click.Parameter, value: str | None) -> str:
    if value is None:
        path = context.meta[_DATA_DIR] / "history.db"
        if not _is_text(path):
            raise click.BadParameter(
                f"the path of --data-dir, {str(path.parent)!r}, is no text: choose another."
            )
        _check_length(path)
        return URL.create(_SQLITE, database=str(path)).render_as_string()
    return valid_url(value)


def valid_url(value: str) -> str:
    """Return the URL of a database, settled; raise click.BadParameter if it is of no use."""
    try:
        url = _settled(make_url(value.strip()))
    except (ArgumentError, ValueError):
        # Not quoted and no cause: it may contain a password.
        raise click.BadParameter("it is not a URL as SQLAlchemy writes it.") from None
    if url.get_backend_name() == _SQLITE:
        _check_length(Path(url.database or ""))
    if not _is_whole(url, value):
        raise click.BadParameter("a ? in the path of a file is written %3F.")
    return url.render_as_string(hide_password=False)


def _settled(url: URL) -> URL:
    """Return the URL with its driver; raise click.BadParameter for a database that is of no use."""
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in _DRIVERS:
        raise click.BadParameter(
            f"{url.drivername[:40]!r} is no database of ours: write sqlite:///PATH or "
            "postgresql+psycopg://user:password@host/database."
        )
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise click.BadParameter(
            "a history in memory would be of one process only: write sqlite:///PATH."
        )
    return url


def _is_whole(url: URL, text: str) -> bool:
    """Tell whether nothing of the `text` of a SQLite URL is ignored, as what follows a `?` is."""
    if url.get_backend_name() != _SQLITE or "uri" in url.query or "?" not in text:
        return True
    return bool(url.query) and url.query.keys() <= _SQLITE_OPTIONS


def _check_length(path: Path) -> None:
    """Raise click.BadParameter for a path that SQLite would only call unable to open."""
    if len(os.fsencode(path.absolute())) > _MAX_PATH_BYTES:
        raise click.BadParameter(
            f"the path of the history is too long for SQLite: {_MAX_PATH_BYTES} bytes at most."
        )


def _is_text(path: Path) -> bool:
    """Tell whether a path can be written in a URL; Linux allows any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
