"""Edge: the management API of RabbitMQ, for what its authorisation does not say or do.

That is who is connected and what queues there are, to count them, and closing connections.
"""

import asyncio
import base64
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec

from buildfeed.errors import BuildfeedError

_SECONDS: Final = 5.0
"""Seconds for an answer."""
_MOST_BYTES: Final = 16 * 1024 * 1024
"""Longest answer that is read: some hundred bytes for each connection."""
_AT_ONCE: Final = 4
"""Questions at a time, each of which has a thread."""
_MOST_QUEUES: Final = 100
_OF_BINDINGS: Final = {"columns": "source,routing_key"}
_OF_CONNECTIONS: Final = {"columns": "name,user,connected_at"}

T = TypeVar("T")


class ManagementUnavailable(BuildfeedError):
    """The management API did not answer, for `reason`, which has no password."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"RabbitMQ's management API does not answer: {reason}.")
        self.reason = reason


class OpenConnection(msgspec.Struct, frozen=True):
    """A connection of a client; `since` is when it was made, in milliseconds."""

    name: str
    user: str = ""
    since: int = msgspec.field(default=0, name="connected_at")


class Queue(msgspec.Struct, frozen=True):
    """A queue. One that is kept outlives the connection that made it."""

    name: str
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False

    @property
    def kept(self) -> bool:
        """Whether it stays when its client goes away."""
        return self.durable and not (self.auto_delete or self.exclusive)


class Binding(msgspec.Struct, frozen=True):
    """What a queue gets of an exchange, its `source`: messages with a routing key."""

    source: str
    key: str = msgspec.field(name="routing_key")


class _User(msgspec.Struct, frozen=True):
    name: str


class _Page(msgspec.Struct, frozen=True):
    items: list[Queue]


class Management:
    """The API at `url`, http(s)://user:password@host:port, asked as an administrator.

    Every method raises ManagementUnavailable.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        self._login = base64.b64encode(login.encode()).decode()
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def connections(self) -> list[OpenConnection]:
        """Return every open connection, but for those of the last seconds."""
        return await self._get("connections", _OF_CONNECTIONS, list[OpenConnection])

    async def connections_of(self, user: str) -> list[OpenConnection]:
        """Return the open connections of a user, also one that was made a moment ago."""
        path = f"connections/username/{quote(user, '')}"
        return await self._get(path, _OF_CONNECTIONS, list[OpenConnection])

    async def users(self) -> set[str]:
        """Return the names of RabbitMQ's own users."""
        users = await self._get("users", {"columns": "name"}, list[_User])
        return {user.name for user in users}

    async def queues(self, vhost: str, pattern: str) -> list[Queue]:
        """Return the queues whose names match a regular expression, the first hundred."""
        query = {
            "name": pattern,
            "use_regex": "true",
            "page": "1",
            "page_size": str(_MOST_QUEUES),
            "columns": "name,durable,auto_delete,exclusive",
            "disable_stats": "true",
        }
        return (await self._get(f"queues/{quote(vhost, '')}", query, _Page)).items

    async def bindings(self, vhost: str, queue: str) -> list[Binding]:
        """Return the bindings of a queue, none if it is gone."""
        path = f"queues/{quote(vhost, '')}/{quote(queue, '')}/bindings"
        return await self._get(path, _OF_BINDINGS, list[Binding], missing=[])

    async def delete_queue(self, vhost: str, queue: str) -> None:
        """Delete a queue; it may be gone."""
        path = f"/api/queues/{quote(vhost, '')}/{quote(queue, '')}"
        status, _ = await self._ask("DELETE", path)
        if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND):
            raise ManagementUnavailable(f"it answered {status}")

    async def close_all(self, user: str, reason: str) -> None:
        """Close all connections of a user; AMQP clients and the log hear the reason."""
        path = f"/api/connections/username/{quote(user, '')}"
        await self._ask("DELETE", path, {"X-Reason": reason})

    async def close(self, connection: str, reason: str) -> None:
        """Close one of `connections`, by its name; it may be gone."""
        path = f"/api/connections/{quote(connection, '')}"
        await self._ask("DELETE", path, {"X-Reason": reason})

    async def _get(
        self, path: str, query: Mapping[str, str], type_: type[T], missing: T | None = None
    ) -> T:
        status, body = await self._ask("GET", f"/api/{path}?{urlencode(query)}")
        if status == HTTPStatus.NOT_FOUND and missing is not None:
            return missing
        if status != HTTPStatus.OK:
            raise ManagementUnavailable(f"it answered {status}")
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.DecodeError as exc:
            raise ManagementUnavailable("its answer cannot be read") from exc

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        async with self._free:
            status, body = await asyncio.to_thread(self._request, method, path, headers or {})
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise ManagementUnavailable(f"it refuses the login ({status})")
        return status, body

    def _request(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        made = HTTPSConnection if self._secure else HTTPConnection
        connection = made(self._host, self._port, timeout=_SECONDS)
        try:
            headers = {"Authorization": f"Basic {self._login}", **headers}
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST_BYTES)
        except (OSError, HTTPException) as exc:
            raise ManagementUnavailable(str(exc) or type(exc).__name__) from exc
        finally:
            connection.close()
