"""Tokens in a real history, at a moment of the test's own, whose answers may be held back."""

import threading
from typing import Any

from buildfeed.errors import HistoryUnavailable
from buildfeed.history.database import Database
from buildfeed.history.schema import tokens as table
from buildfeed.history.tokens import Tokens
from support.samples import NOW


class Held(Tokens):
    """Tokens at the moment `at`, which fail while `down`; `asked` are the names of calls."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        super().__init__(self.database)
        self.at = NOW
        self.down = False
        self.asked: list[str] = []
        self.answers: dict[str, threading.Event] = {}
        """By names of methods: an answer is there, and is given when this is set."""

    def _now(self, _connection: object) -> Any:
        return self.at

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("find", "session", "use", "changes", "sign_in", "sign_out"):
            return found

        def ask(*arguments: object) -> object:
            if self.down:
                raise HistoryUnavailable("gone")
            answer = found(*arguments)
            self.asked.append(name)
            if held := self.answers.get(name):
                assert held.wait(10)
            return answer

        return ask

    def hold(self, name: str) -> threading.Event:
        self.answers[name] = threading.Event()
        return self.answers[name]

    def regrant(self, name: str, grants: str) -> None:
        """Give a token other grants, as an administrator of the database may."""
        with self.database.transaction() as connection:
            change = table.update().where(table.c.name == name)
            connection.execute(change.values(grants=grants, changed=table.c.changed + 1000))
            connection.exec_driver_sql("UPDATE counter SET n = n + 1000")
