"""A private PgBouncer from the distribution's package, in front of a PostgreSQL of the tests."""

import os
import shutil
import subprocess
import time
from typing import Final, Self

import psycopg
from sqlalchemy import make_url

from support.postgresql import USER, PostgreSQL

PORT: Final = 6432
"""Part of the name of its socket; it listens on no port."""
START_SECONDS: Final = 10


class PgBouncer:
    """A pooler in transaction mode with two sessions of the server, on a socket of its own."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self._folder = server.folder / "pgbouncer"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "PgBouncer is missing: run `sudo apt-get install pgbouncer`."
        self._folder.mkdir(mode=0o755)
        (self._folder / "users").write_text(f'"{USER}" ""\n')
        settings = {
            "listen_addr": "",
            "listen_port": PORT,
            "unix_socket_dir": self._folder,
            "auth_type": "trust",
            "auth_file": self._folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": 2,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        text = "\n".join(["[databases]", f"* = host={self._server.folder}", "[pgbouncer]", *lines])
        (self._folder / "pgbouncer.ini").write_text(text)
        root = os.geteuid() == 0
        if root:
            shutil.chown(self._folder, "postgres", "postgres")
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "INT", "--", program, "-q", self._folder / "pgbouncer.ini"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user="postgres" if root else None,
            group="postgres" if root else None,
            extra_groups=[] if root else None,
        )
        self._until_up()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)

    def url(self, database_url: str) -> str:
        """Return the URL of a database of the server, by way of the pooler."""
        query = {"host": str(self._folder), "port": str(PORT)}
        return make_url(database_url).set(query=query).render_as_string(hide_password=False)

    def _until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(
                    host=str(self._folder), port=PORT, user=USER, dbname="postgres"
                ).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "PgBouncer did not start."
                time.sleep(0.02)
            else:
                return
