"""The databases that a history may be in. Each is empty at first, and can be made to fail."""

import signal
from pathlib import Path

from support.postgresql import PostgreSQL


class SQLite:
    """SQLite in a file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "history.db"
        self.url = f"sqlite:///{self._file}"

    def fail(self) -> None:
        """Let it not be opened from now on; only before its first use."""
        self._file.mkdir()

    def mend(self) -> None:
        self._file.rmdir()


class OnPostgreSQL:
    """The database on `server` that the tests share."""

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.url = server.emptied_database()

    def fail(self) -> None:
        """Let the server crash."""
        self.server.stop(signal.SIGQUIT)

    def mend(self) -> None:
        self.server.start()


Database = SQLite | OnPostgreSQL
