"""Edge: the listener for RabbitMQ's questions, an HTTP server of its own beside the public one.

RabbitMQ's http backend sends no headers of ours, so the secret is a part of the path:
`POST /{secret}/user`. Whoever sends another path is told that there is nothing. Each connection has
one question: RabbitMQ waits for the answer before it goes on with its client.
"""

import asyncio
import hmac
import logging
import socket
import time
from http import HTTPStatus
from typing import Final

import msgspec

from buildfeed import listeners
from buildfeed.errors import HistoryUnavailable
from gateway.broker_auth.answers import Answers
from gateway.broker_auth.management import ManagementUnavailable
from gateway.broker_auth.questions import SUBJECTS, InvalidQuestion, Question
from gateway.log_limit import LogLimit
from gateway.tasks import Tasks

MAX_CONNECTIONS: Final = 256
"""Questions at a time; RabbitMQ refuses its client when there are more."""
_HEAD_BYTES: Final = 8 * 1024
_BODY_BYTES: Final = 16 * 1024
_SECONDS: Final = 10.0
"""Seconds for a question to arrive and to be answered."""
_PAUSE_SECONDS: Final = 1.0
"""How long no connection is taken after the system refused one."""
_LOGGED: Final = 20

log = logging.getLogger(__name__)


class Address(msgspec.Struct, frozen=True):
    """Where the listener is, and the secret in its paths; processes share a `shared` port."""

    host: str
    port: int
    secret: str
    shared: bool = False


class _Unanswered(Exception):
    """A request that gets no answer but a `status`; `reason` is for the log."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        self.status = status
        self.reason = reason


class Listener:
    """The part of the gateway that takes questions and returns answers."""

    def __init__(self, address: Address, answers: Answers) -> None:
        self._address = address
        self._answers = answers
        self._open = 0
        self._tasks = Tasks()
        self._log_limit = LogLimit(_LOGGED)
        self.unanswered = 0
        """Questions without an answer: too many, malformed, or of strangers; or nobody knew."""

    async def run(self) -> None:
        """Serve until cancelled; raises CannotListen."""
        address = self._address
        bound = listeners.bind(address.host, address.port, shared=address.shared)
        try:
            for sock in bound:
                sock.setblocking(False)
                sock.listen(MAX_CONNECTIONS)
            await asyncio.gather(*map(self._accept, bound))
        finally:
            for sock in bound:
                sock.close()
            await self._tasks.cancel()

    async def _accept(self, listening: socket.socket) -> None:
        """Serve each connection that comes, until cancelled.

        By hand, as `create_server` of this process's loop is for the public listener.
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError as exc:  # no descriptor is left, or no memory
                log.warning("broker_auth.cannot_accept", extra={"reason": str(exc)})
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            streams = await asyncio.open_connection(sock=connection, limit=_HEAD_BYTES)
            self._tasks.start(self._serve(*streams))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open > 2 * MAX_CONNECTIONS:
                return  # not even that is said
            async with asyncio.timeout(_SECONDS):
                status, text = await self._answer(reader, _client(writer))
                writer.write(_response(status, text))
                await writer.drain()
                if status != HTTPStatus.OK:
                    # What is not read yet would reset the connection, and the answer be lost.
                    writer.write_eof()
                    await reader.read(_BODY_BYTES)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.unanswered += 1
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, client: str) -> tuple[HTTPStatus, str]:
        """Return the answer to the request of a client."""
        try:
            allowed = await self._answers.answer(await self._question(reader))
        except _Unanswered as exc:
            status, reason = exc.status, exc.reason
        except (HistoryUnavailable, ManagementUnavailable) as exc:
            status, reason = HTTPStatus.SERVICE_UNAVAILABLE, exc.reason
        else:
            return HTTPStatus.OK, "allow" if allowed else "deny"
        self.unanswered += 1
        left_out = self._log_limit.take((client, reason), time.monotonic())
        if left_out is not None:
            facts = {"client": client, "reason": reason, "left_out": left_out}
            log.warning("broker_auth.unanswered", extra=facts)
        return status, status.phrase

    async def _question(self, reader: asyncio.StreamReader) -> Question:
        """Return the question of a request; raises _Unanswered, OSError and IncompleteReadError."""
        if self._open > MAX_CONNECTIONS:
            raise _Unanswered(HTTPStatus.SERVICE_UNAVAILABLE, "too many questions at a time")
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.LimitOverrunError as exc:
            raise _Unanswered(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "a head too large"
            ) from exc
        request, *lines = head.split("\r\n")
        method, _, rest = request.partition(" ")
        subject = self._subject(rest.partition(" ")[0])
        if method != "POST":
            raise _Unanswered(HTTPStatus.METHOD_NOT_ALLOWED, "no POST: auth_http.http_method")
        body = await reader.readexactly(_length(lines))
        try:
            return Question.parse(subject, body)
        except InvalidQuestion as exc:
            raise _Unanswered(HTTPStatus.BAD_REQUEST, "no question of RabbitMQ") from exc

    def _subject(self, path: str) -> str:
        """Return what is asked about; raises _Unanswered for a path without the secret."""
        secret, _, subject = path.removeprefix("/").partition("/")
        known = hmac.compare_digest(secret.encode(), self._address.secret.encode())
        if not known or subject not in SUBJECTS:
            raise _Unanswered(HTTPStatus.NOT_FOUND, "another path: is the secret right?")
        return subject


def _length(lines: list[str]) -> int:
    """Return the length of the body that the header lines say; raises _Unanswered."""
    lengths = {
        value.strip()
        for name, _, value in (line.partition(":") for line in lines)
        if name.lower() == "content-length"
    }
    if len(lengths) != 1 or not (text := lengths.pop()).isdecimal() or not text.isascii():
        raise _Unanswered(HTTPStatus.LENGTH_REQUIRED, "a body without a length")
    if len(text) > len(str(_BODY_BYTES)) or int(text) > _BODY_BYTES:
        raise _Unanswered(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a body too large")
    return int(text)


def _client(writer: asyncio.StreamWriter) -> str:
    peer = writer.get_extra_info("peername")
    return str(peer[0]) if peer else ""


def _response(status: HTTPStatus, text: str) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: text/plain",
        f"Content-Length: {len(text)}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", text)).encode()
