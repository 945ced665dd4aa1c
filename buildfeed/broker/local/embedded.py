"""The embedded MQTT broker: amqtt in this process, for the mode without RabbitMQ.

It speaks MQTT 3.1.1 only and keeps everything in memory. docs/brokers.md lists the promises of
RabbitMQ that it does not keep.

Besides the users that it is given, people and apps log in with the name of a token and the token.
`Logins` says who they are, `users.py` what they may do. A token that is good no more takes its
connections and sessions with it.

amqtt takes over the session of a client id before it asks for the password, so a stranger could
end the connection of any client. And of two connections with one client id it keeps the older one
open, though deaf. Therefore we listen ourselves. The CONNECT of a new connection is read and
checked here, and an older connection with its client id is closed. amqtt gets only connections that
may log in, with the CONNECT put back in front of the stream.

Relied on in amqtt, beside its documented interface: a listener of type EXTERNAL opens no port;
`external_connected` returns when the connection has ended.
"""

import asyncio
import ipaddress
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from hmac import compare_digest
from typing import Final, Protocol

from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.mqtt.connect import ConnectPacket

from buildfeed.broker.local.embedded_listeners import accepted, bound, closed, opened
from buildfeed.broker.local.embedded_session import LosslessBroker
from buildfeed.broker.local.embedded_stream import (
    MQTT_5,
    MalformedConnect,
    PromptWriter,
    ReplayingReader,
    Writer,
    parsed,
    read_connect,
)
from buildfeed.broker.local.listener import Listener
from buildfeed.broker.local.users import Account, Holder, User
from buildfeed.errors import HistoryUnavailable

log = logging.getLogger(__name__)

_LISTENER: Final = "default"
_CONNECT_SECONDS: Final = 5
"""Seconds that a client has for TLS, WebSocket and CONNECT, and we to find out whose it is."""

MAX_CLIENTS: Final = 1000
"""Open connections; further ones are closed at once."""

MAX_STRANGERS: Final = 100
"""Open connections that have not logged in yet, among them."""
MAX_STRANGERS_OF_ONE: Final = 50
"""How many of these one address may have, or one network of 64 bits of IPv6: others come in too."""

_TELL_SECONDS: Final = 60.0
"""Shortest time in seconds between two log lines about refused connections."""

# CONNACKs (MQTT 3.1.1 §3.2.2.3, MQTT 5 §3.2.2.2).
_NOT_AUTHORIZED: Final = b"\x20\x02\x00\x05"
_ID_REJECTED: Final = b"\x20\x02\x00\x02"
_UNAVAILABLE: Final = b"\x20\x02\x00\x03"
_UNSUPPORTED_VERSION: Final = b"\x20\x03\x00\x84\x00"


class Logins(Protocol):
    """Knows who may log in besides the users of the broker."""

    async def find(self, name: str, password: str, address: str) -> Holder | None:
        """Return who logs in from an address, None for nobody; raises HistoryUnavailable."""

    def enter(self, holder: Holder, leave: Callable[[str], None]) -> None:
        """Take note that somebody is here; `leave` is called when that has to end.

        It is told why: `expired`, or another word.
        """


class EmbeddedBroker:
    """An MQTT broker at some listeners, in the asyncio loop that starts it.

    It is for `users`, and for those whom `logins` find; no token has the login of a user.
    """

    def __init__(
        self, *, at: Sequence[Listener], users: Sequence[User], logins: Logins | None = None
    ) -> None:
        self._listeners = at
        self._users = {user.name: user for user in users}
        self._logins = logins
        self._accounts: dict[str, Account] = {**self._users}
        """Those who may be here: the users, and holders of tokens from their first login on."""
        self._holders: dict[str, Holder] = {}
        """Holders by the ids of their tokens; a name that is renewed has two for a while."""
        self._leaving: dict[str, asyncio.Task[None]] = {}
        """Holders whose connections and sessions are being ended, by their names."""
        self._clients: set[asyncio.Task[None]] = set()
        self._strangers: Counter[str] = Counter()
        """Connections that have not logged in yet, by what stands for their addresses."""
        self._connections: dict[str, _Connection] = {}
        self._refused = 0
        self._told = -_TELL_SECONDS

    async def start(self) -> None:
        """Listen; raise CannotListen, e.g. when the port is taken."""
        for chatty in ("amqtt", "transitions", "websockets"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        listener = ListenerConfig(type=ListenerType.EXTERNAL)
        config = BrokerConfig(listeners={_LISTENER: listener}, plugins={})
        self._broker = LosslessBroker(config, self._accounts)
        self._servers = [
            await asyncio.start_server(partial(self._accept, each), sock=sock, start_serving=False)
            for each, sock in bound(self._listeners)
        ]
        await self._broker.start()
        for server in self._servers:
            await server.start_serving()

    async def stop(self) -> None:
        """Stop listening, drop every client, and forget all sessions and messages."""
        for server in self._servers:
            server.close()
        await self._broker.shutdown()
        ending = [*self._clients, *self._leaving.values()]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _accept(
        self, listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        one = _owner(writer)
        too_many = self._strangers.total() >= MAX_STRANGERS
        too_many |= self._strangers[one] >= MAX_STRANGERS_OF_ONE
        if len(self._clients) >= MAX_CLIENTS or too_many:
            writer.transport.abort()
            self._tell_refused()
            return
        self._strangers[one] += 1
        accepted(listener, writer)
        client = asyncio.create_task(self._serve(listener, reader, writer, one))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    def _tell_refused(self) -> None:
        self._refused += 1
        if time.monotonic() - self._told >= _TELL_SECONDS:
            log.warning("embedded.too_many_connections", extra={"times": self._refused})
            self._refused, self._told = 0, time.monotonic()

    async def _serve(
        self,
        listener: Listener,
        below: asyncio.StreamReader,
        socket_: asyncio.StreamWriter,
        one: str,
    ) -> None:
        writer: Writer = socket_
        try:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    reader, writer = await opened(listener, below, socket_)
                    first, body = await read_connect(reader)
                    if body.startswith(MQTT_5):
                        writer.write(_UNSUPPORTED_VERSION)
                        return
                    connect = await parsed(first + body)
                    found = await self._log_in(connect, writer)
            finally:
                self._strangers -= Counter([one])  # what is 0 goes
            # No await from here until it is among the connections: each of them counts.
            refusal = found if isinstance(found, bytes) else self._refusal(connect, found)
            if isinstance(found, bytes) or refusal:
                writer.write(refusal or b"")
                return
            stream = ReplayingReader(reader, first + body)
            is_durable = not connect.clean_session_flag
            token = found.token if isinstance(found, Holder) else ""
            connection = _Connection(stream, writer, found.name, token, durable=is_durable)
            await self._take_over(connect.client_id, connection)
        except (OSError, EOFError, MalformedConnect):
            log.debug("embedded.client_lost", exc_info=True)
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            await closed(writer, socket_)

    async def _log_in(self, connect: ConnectPacket, writer: Writer) -> Account | bytes:
        """Return who has logged in by a CONNECT, or the CONNACK that refuses it."""
        name, password = connect.username or "", connect.password or ""
        if name in self._users or not self._logins:
            return self._user(name, password) or _NOT_AUTHORIZED
        peer = writer.get_extra_info("peername")
        try:
            holder = await self._logins.find(name, password, peer[0] if peer else "")
        except HistoryUnavailable:
            return _UNAVAILABLE
        return self._entered(holder) if holder else _NOT_AUTHORIZED

    def _user(self, name: str, password: str) -> User | None:
        """Return the user of a login, in a time that does not depend on the password."""
        user = self._users.get(name)
        right = compare_digest(password.encode(), (user.password if user else "").encode())
        return user if right else None

    def _entered(self, holder: Holder) -> Account | bytes:
        """Take note of the holder of a token; return it, or the CONNACK that puts it off.

        A token with other grants gets nothing of the one before: that one's sessions are ended
        first. One with the same grants was renewed, and both have the same sessions.
        """
        known = self._accounts.get(holder.name)
        if isinstance(known, Holder) and known.grants != holder.grants:
            self._dismiss(known.name)
        if holder.name in self._leaving:
            return _UNAVAILABLE
        if holder.token not in self._holders and self._logins:
            self._accounts[holder.name] = self._holders[holder.token] = holder
            self._logins.enter(holder, partial(self._left, holder))
        return holder

    def _refusal(self, connect: ConnectPacket, account: Account) -> bytes | None:
        """Return the CONNACK that refuses a CONNECT, None for one that may go on."""
        client_id, name, most = connect.client_id, account.name, account.most
        owner = self._broker.owner(client_id)
        if owner is not None and owner != name:
            return _ID_REJECTED  # it would end, and inherit, the session of another user
        if not (connect.client_id_is_random or account.may_use(client_id)):
            return _ID_REJECTED  # somebody else has a right to it
        others = {
            key: each
            for key, each in self._connections.items()
            if each.name == name and key != client_id
        }
        if most.connections is not None and len(others) >= most.connections:
            return _UNAVAILABLE
        if most.sessions is not None and not connect.clean_session_flag:
            coming = {key for key, each in others.items() if each.durable}
            durable = coming | self._broker.durable_sessions(name) - {client_id}
            return _UNAVAILABLE if len(durable) >= most.sessions else None
        return None

    async def _take_over(self, client_id: str, connection: "_Connection") -> None:
        """Serve a connection to its end; first close an older one with its client id.

        The older one is told nothing: MQTT 3.1.1 has no words for it (§3.1.4-2).
        """
        older = self._connections.get(client_id)
        self._connections[client_id] = connection
        try:
            if older:
                older.close()
                await older.ended.wait()
                if self._connections.get(client_id) is not connection or connection.closed:
                    return  # a newer one has come meanwhile, or the token was revoked
            await self._broker.external_connected(
                connection.reader, PromptWriter(connection.writer), _LISTENER
            )
        finally:
            connection.ended.set()
            if self._connections.get(client_id) is connection:
                del self._connections[client_id]

    def _left(self, holder: Holder, why: str) -> None:
        """End what a token has here; what belongs to its name stays if that was renewed."""
        if self._holders.pop(holder.token, None) is None:
            return  # it has been dismissed
        renewed = any(each.name == holder.name for each in self._holders.values())
        if why != "expired" or not renewed:
            self._dismiss(holder.name)
            return
        for each in list(self._connections.values()):
            if each.token == holder.token:
                each.close()

    def _dismiss(self, name: str) -> None:
        """End what the holders of tokens of a name have here."""
        if name not in self._leaving:
            self._leaving[name] = asyncio.create_task(self._end(name))

    async def _end(self, name: str) -> None:
        mine = [each for each in self._connections.values() if each.name == name]
        log.info("embedded.token_ended", extra={"token": name, "connections": len(mine)})
        try:
            for each in mine:
                each.close()
            for each in mine:
                await each.ended.wait()
            await self._broker.forget(name)
        finally:
            self._accounts.pop(name, None)
            self._holders = {k: each for k, each in self._holders.items() if each.name != name}
            del self._leaving[name]


def _owner(writer: asyncio.StreamWriter) -> str:
    """Return what stands for all addresses of the one who has that of a connection."""
    peer = writer.get_extra_info("peername")
    address = ipaddress.ip_address(peer[0].partition("%")[0]) if peer else None
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address or "")


class _Connection:
    """A connection of somebody of a `name`, who has logged in, if by a token by that of an id."""

    def __init__(
        self, reader: ReplayingReader, writer: Writer, name: str, token: str, *, durable: bool
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.name = name
        self.token = token
        self.durable = durable
        self.closed = False
        self.ended = asyncio.Event()

    def close(self) -> None:
        """Close it from our side; `ended` follows."""
        self.closed = True
        self.reader.end()
        self.writer.transport.abort()
