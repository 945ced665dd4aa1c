"""The databases that a history may be in: each empty at first, and one that can fail."""

import signal
from pathlib import Path

from support.postgresql import PostgreSQL


class SQLite:
    """A file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "history.db"
        self.url = f"sqlite:///{self._file}"

    def fail(self) -> None:
        """Cannot be opened from now on; before the first use only."""
        self._file.mkdir()

    def mend(self) -> None:
        self._file.rmdir()


class OnPostgreSQL:
    """The database of `server` that tests share."""

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.url = server.emptied_database()

    def fail(self) -> None:
        """The server crashes."""
        self.server.stop(signal.SIGQUIT)

    def mend(self) -> None:
        self.server.start()


Database = SQLite | OnPostgreSQL
