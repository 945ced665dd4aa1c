"""A management API of RabbitMQ that a test says the answers of."""

import re

from gateway.broker_auth.management import (
    Binding,
    Management,
    ManagementUnavailable,
    OpenConnection,
    Queue,
)


class SaidManagement(Management):
    """Answers with what a test put into it; with `away` it answers nothing."""

    def __init__(self) -> None:
        super().__init__("http://user:password@127.0.0.1:1")
        self.open: list[OpenConnection] = []
        self.own_users: set[str] = set()
        self.there: list[Queue] = []
        self.bound: dict[str, list[Binding]] = {}
        self.closed: list[str] = []
        self.away = False
        self.listed: int | None = None
        """How many connections the list of all has; the others were made a moment ago."""

    async def connections(self) -> list[OpenConnection]:
        self._answer()
        return self._open(self.open[: self.listed])

    async def connections_of(self, user: str) -> list[OpenConnection]:
        self._answer()
        return [each for each in self._open(self.open) if each.user == user]

    async def users(self) -> set[str]:
        self._answer()
        return self.own_users

    async def queues(self, vhost: str, pattern: str) -> list[Queue]:
        self._answer()
        assert vhost == "/"
        return [queue for queue in self.there if re.search(pattern, queue.name)]

    async def bindings(self, vhost: str, queue: str) -> list[Binding]:
        self._answer()
        assert vhost == "/"
        return self.bound.get(queue, [])

    async def delete_queue(self, vhost: str, queue: str) -> None:
        self._answer()
        assert vhost == "/"
        self.there = [each for each in self.there if each.name != queue]

    async def close_all(self, user: str, reason: str) -> None:
        for each in await self.connections_of(user):
            await self.close(each.name, reason)

    async def close(self, connection: str, reason: str) -> None:
        assert reason
        self._answer()
        self.closed.append(connection)

    def connect(self, user: str, count: int = 1) -> list[str]:
        """Open connections of a user; return their names."""
        first = len(self.open)
        made = [OpenConnection(f"{user}-{n}", user, n) for n in range(first, first + count)]
        self.open += made
        return [each.name for each in made]

    def _open(self, connections: list[OpenConnection]) -> list[OpenConnection]:
        return [each for each in connections if each.name not in self.closed]

    def _answer(self) -> None:
        if self.away:
            raise ManagementUnavailable("away")
