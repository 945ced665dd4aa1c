"""Watchers of socket.io without a network, by WebSocket or by polling."""

import asyncio
import json
from typing import Any

from gateway.access.credentials import Shown
from gateway.engine.frames import TEXT
from gateway.transports.polling import take
from support.client_frames import sent
from support.pollers import World
from support.wired import Pipe, packets, settle


class Watcher:
    """A watcher of a site, which shows something in its handshake."""

    def __init__(self, site: World, by: str, shown: Shown | None = None) -> None:
        self._by, self._heard, server = by, list[str](), site.transport.server
        shown = shown or Shown(host="127.0.0.1")
        if by == "websocket":
            self.pipe = Pipe()
            opened = server.open(self.pipe, b"", "192.0.2.1", shown)
            self.connection = self.pipe.connection = opened
        else:
            answer = server.open_polling("192.0.2.1", shown)
            self.session = str(json.loads(answer[1:])["sid"])
            connection = server.polling(self.session)
            assert connection
            self.connection = connection
        self._ids = 0

    async def say(self, packet: str) -> None:
        if self._by == "websocket":
            self.connection.received(sent(TEXT, packet.encode()))
        else:
            take(self.connection, packet.encode())
        await settle()

    async def heard(self) -> list[str]:
        """Return everything that has come."""
        if self._by == "websocket":
            return packets(self.pipe.taken)
        while (polling := self.connection.polling) and not polling.waits:
            if self.connection.closing:
                break
            polling.poll(lambda answer: self._heard.extend(answer.decode().split("\x1e")))
            await settle()
        return self._heard

    async def until(self, begin: str, after: int = 0) -> str:
        """Return the first packet that begins so, but for some before."""
        async with asyncio.timeout(10):
            while True:
                said = [each for each in await self.heard() if each.startswith(begin)]
                if len(said) > after:
                    return said[after]
                await asyncio.sleep(0.001)

    async def connect(self, **auth: object) -> dict[str, Any]:
        """Connect; return the answer, with `code` of a refusal."""
        await self.say("40" + json.dumps(auth))
        answer = await self.until("4")
        body = json.loads(answer[2:])
        return dict(body.get("data", {}) if answer.startswith("44") else body)

    async def ask(self, name: str, *arguments: object) -> dict[str, Any]:
        """Send an event; return the ack."""
        self._ids += 1
        await self.say(f"42{self._ids}" + json.dumps([name, *arguments]))
        answer = await self.until(f"43{self._ids}[")
        return dict(json.loads(answer[answer.index("[") :])[0])

    async def builds(self) -> list[tuple[str, str]]:
        """Return the builds of all events."""
        said = [json.loads(each[2:]) for each in await self.heard() if each.startswith("42[")]
        return [(body["project"], body["build"]) for name, body in said if name != "feed"]
