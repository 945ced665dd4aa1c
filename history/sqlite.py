"""What SQLite needs and PostgreSQL does not."""

from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from typing import Final

from sqlalchemy import Connection, Engine, event

_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 5000",  # milliseconds; first, as the next one may have to wait
    "PRAGMA journal_mode = WAL",  # gateways read while the recorder writes
    "PRAGMA synchronous = FULL",  # a commit survives a power cut: it is acknowledged after
)


def prepare(engine: Engine) -> None:
    """Set every new connection up, and make the folder of the database file."""
    if engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)


def _on_connect(connection: SQLiteConnection, _record: object) -> None:
    # Python's driver would begin late and commit around CREATE TABLE; SQLAlchemy does it instead.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
