"""The database of the history: whether it answers, fits this version, and takes writes."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import URL, Connection, Engine, create_engine, func, make_url, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from buildfeed.doctor import clocks
from buildfeed.doctor.finding import Finding, fault, ok, warning
from buildfeed.errors import HistoryUnavailable
from buildfeed.history import schema, sqlite
from buildfeed.history.database import Database, dialect_of
from buildfeed.history.dialect import Dialect

_SLOW_MS: Final = 100.0
_SUBJECT: Final = "database"
_ROUNDS: Final = 5


def findings(url: str) -> Iterator[Finding]:
    """Yield what the database shows; nothing is made, upgraded or written."""
    parsed = make_url(url)
    file = sqlite.file_of(parsed) if parsed.get_backend_name() == "sqlite" else None
    if file and not file.exists():
        meaning = f"there is no file {file}."
        yield fault(_SUBJECT, meaning, "Start a recorder or a gateway: it makes it.")
        return
    try:
        engine = _only_reading(file) if file else Database(url).engine
    except HistoryUnavailable as exc:
        yield fault(_SUBJECT, f"{exc.reason}.", "Check the URL, and install its driver.")
        return
    try:
        with engine.connect() as connection:
            yield from _of(connection, dialect_of(engine))
    except SQLAlchemyError as exc:
        said = str(exc.orig if isinstance(exc, DBAPIError) and exc.orig else exc)
        meaning = f"it fails: {said.strip().partition(chr(10))[0]}."
        yield fault(_SUBJECT, meaning, "Check address, login and server.")
    finally:
        engine.dispose()


def _only_reading(file: Path) -> Engine:
    """Return an engine for a file of SQLite, which `Database` would set up for writing."""
    query = {"mode": "ro", "uri": "true"}
    return create_engine(URL.create("sqlite", database=file.absolute().as_uri(), query=query))


def _of(connection: Connection, dialect: Dialect) -> Iterator[Finding]:
    took = min(_milliseconds(connection) for _ in range(_ROUNDS))
    if took > _SLOW_MS:
        meaning = f"an answer takes {took:.0f} ms."
        yield warning(_SUBJECT, meaning, "Have it nearer: recorders and snapshots wait for it.")
    else:
        yield ok(_SUBJECT, f"it answers, within {took:.1f} ms.")
    yield _revision(schema.revision(connection))
    asked = datetime.now(UTC)
    now = dialect.now(connection)
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    yield clocks.verdict("the database", now, asked, datetime.now(UTC))
    if connection.dialect.name == "postgresql":
        yield from _server(connection)
    if schema.revision(connection):
        yield _malformed(connection)


def _revision(found: int) -> Finding:
    subject = "tables of the history"
    if not found:
        return fault(subject, "there are none.", "Start a recorder or a gateway: it makes them.")
    if found > schema.HEAD:
        meaning = f"they are of a later version ({found}) than this program ({schema.HEAD})."
        return fault(subject, meaning, "Use the newest version everywhere.")
    if found < schema.HEAD:
        meaning = f"they are of an older version ({found}) than this program ({schema.HEAD})."
        return warning(subject, meaning, "The next process of this version upgrades them: back up.")
    return ok(subject, f"version {found}.")


def _server(connection: Connection) -> Iterator[Finding]:
    def show(name: str) -> str:
        return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())

    if show("transaction_read_only") == "on":
        advice = "Name the primary: target_session_attrs=read-write in the URL."
        yield fault(_SUBJECT, "this server takes no writes: it is a standby.", advice)
    info = cast(Any, connection.connection.driver_connection).info
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        meaning = f"its encoding is {encoding}: other letters are written as \\u65e5."
        yield warning(_SUBJECT, meaning, "Make it with the encoding UTF8.")


def _malformed(connection: Connection) -> Finding:
    subject = "payloads set aside"
    count = connection.execute(select(func.count()).select_from(schema.malformed)).scalar_one()
    if not count:
        return ok(subject, "none.")
    meaning = f"{count} payloads were no activities."
    advice = "See why: SELECT time, topic, reason FROM malformed ORDER BY number DESC LIMIT 9."
    return warning(subject, meaning, advice)


def _milliseconds(connection: Connection) -> float:
    began = time.perf_counter()
    connection.execute(select(1)).all()
    return 1000 * (time.perf_counter() - began)
