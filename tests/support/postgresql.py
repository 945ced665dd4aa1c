"""A private PostgreSQL from the distribution's packages, on a socket in a folder of its own."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Self

import psycopg
from sqlalchemy import make_url

from buildfeed.history.schema import metadata
from buildfeed.history.store import Store

USER: Final = "buildfeed"
START_SECONDS: Final = 30
ICU: Final = 15
"""The first version with locales of ICU, which do not depend on the machine."""


class PostgreSQL:
    """A server with its data in a temporary folder, for the length of a `with`.

    It does not wait for the disk (fsync is off), unless it is `durable`. A `standby_of` another
    server follows that one until it is promoted.
    """

    def __init__(self, *, durable: bool = False, standby_of: Self | None = None) -> None:
        self._binaries = _binaries()
        # Not below the folder of the test run: that may be root's, and PostgreSQL is never root.
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._data = self.folder / "data"
        self._durable = durable
        self._primary = standby_of
        self._server: subprocess.Popen[bytes] | None = None
        self._emptied: str | None = None

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        if self._primary:
            copied = f"--host={self._primary.folder} --username={USER} --checkpoint=fast --no-sync"
            options = ["--write-recovery-conf", *copied.split()]
            assert not self._run("pg_basebackup", "--pgdata", self._data, *options).wait()
            self.start()
            return self
        options = f"--username={USER} --auth=trust --encoding=UTF8 --no-sync --no-instructions"
        if int(self._binaries.parts[4]) >= ICU:
            # As in many databases, `a-b` and `ab` are in another order than in Python.
            options += " --locale-provider=icu --icu-locale=en"
        self._run("initdb", "--pgdata", self._data, *options.split()).wait()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": "on" if self._durable else "off",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._server = self._run("postgres", "-D", self._data, *options)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._server.poll() is not None:
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}") from None
                time.sleep(0.02)
            else:
                return

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it; clients are disconnected."""
        if self._server:
            self._server.send_signal(number)
            self._server.wait()
            self._server = None

    def promote(self) -> None:
        """Make a standby take writes, and follow no longer."""
        self.execute("SELECT pg_promote()")

    def demote(self) -> None:
        """Take no more writes, in every session; `promote` does not undo it, `restore` does."""
        self.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        self.execute("SELECT pg_reload_conf()")

    def restore(self) -> None:
        """Take writes again."""
        self.execute("ALTER SYSTEM RESET default_transaction_read_only")
        self.execute("SELECT pg_reload_conf()")

    def execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement.encode())

    def limit_files(self, size: int | None) -> None:
        """Limit the size of its files to `size` bytes; None lifts the limit."""
        assert self._server
        server = self._server.pid  # connections are its children
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        limit = f"--fsize={'unlimited' if size is None else size}:"
        for pid in (server, *children):
            self._run("prlimit", "--pid", pid, limit).wait()

    def new_database(self, encoding: str = "") -> str:
        """Return the URL of an empty database, in an encoding other than UTF8 if it is named."""
        name = f"history_{secrets.token_hex(4)}"
        options = "TEMPLATE template0 LOCALE 'C'"
        if int(self._binaries.parts[4]) >= ICU:
            options += " LOCALE_PROVIDER libc"
        other = f"ENCODING '{encoding}' {options}" if encoding else ""
        self.execute(f"CREATE DATABASE {name} {other}")
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def emptied_database(self) -> str:
        """Return the URL of a history without a row: one that is emptied, faster than a new one."""
        if self._server is None:  # a failed test has stopped it
            self.start()
        if self._emptied is None:
            self._emptied = self.new_database()
            Store(self._emptied).position()
        tables = ", ".join(metadata.tables)
        with self._connect(str(make_url(self._emptied).database)) as connection:
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY".encode())
            connection.execute("INSERT INTO counter (n) VALUES (0)")
        return self._emptied

    def log(self) -> str:
        """Return its log."""
        return (self.folder / "log").read_text()

    def _connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    def _run(self, program: str, *arguments: object) -> subprocess.Popen[bytes]:
        # setpriv: PostgreSQL ends with a test run that is killed.
        path = self._binaries / program
        command = [path if path.exists() else program, *arguments]
        root = os.geteuid() == 0
        with (self.folder / "log").open("ab") as output:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", "--", *map(str, command)],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                user="postgres" if root else None,
                group="postgres" if root else None,
                extra_groups=[] if root else None,
            )


def _binaries() -> Path:
    """Return the folder of the newest server that is installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])
    )
    assert found, "PostgreSQL is missing: run `sudo apt-get install postgresql`."
    return found[-1].parent
