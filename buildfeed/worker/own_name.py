"""The name of a worker, which no other worker may have while this one is there.

The rules are in `unique_name`; here they are asked and answered on the connection of the worker.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from buildfeed import unique_name
from buildfeed.broker.mqtt.link import MqttLink
from buildfeed.errors import NameTaken
from buildfeed.presence import REPEAT_SECONDS, Presence
from buildfeed.topics import worker_hello
from buildfeed.unique_name import Hello, Reply, Status, UniqueName

_DOUBT_SECONDS: Final = REPEAT_SECONDS + 2
"""Seconds to wait for a worker of this name that was online: it speaks once in REPEAT_SECONDS."""

_LOOK_SECONDS: Final = 0.05
"""Seconds between two looks whether the name is free."""


class OwnName:
    """The name of the worker `name`, whose process is `instance`. Belongs to the event loop.

    `tell` is called when the presence has to be published, `taken` when another has the name.
    """

    def __init__(
        self,
        name: str,
        instance: str,
        link: MqttLink,
        *,
        tell: Callable[[], None],
        taken: Callable[[], None],
    ) -> None:
        self._name = name
        self._link = link
        self._tell = tell
        self._taken = taken
        self._unique = UniqueName(instance, _DOUBT_SECONDS)
        self._closed = False
        self.lost = False
        """True when another worker has the name: it speaks for it, not we."""

    @property
    def instance(self) -> str:
        """The random text of this process."""
        return self._unique.instance

    async def ask(self, stop: asyncio.Event) -> bool:
        """Return True once the name is ours, False when `stop` is set before."""
        while not stop.is_set():
            if self._unique.is_free(_now()):
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stop.wait()
        return False

    def check(self) -> None:
        """Raise NameTaken when another worker has the name."""
        if self.lost:
            raise NameTaken("worker", self._name, "--name")

    def close(self) -> None:
        """Answer nobody from now on."""
        self._closed = True

    def connected(self) -> None:
        """Take note of a new connection."""
        self._do(self._unique.connected())

    def hear_hello(self, payload: bytes) -> None:
        """Take a message on `workers/{worker}/hello`."""
        if said := unique_name.decode_hello(payload):
            self._do(self._unique.hear_hello(said, _now()))

    def hear(self, said: Presence, *, retained: bool) -> None:
        """Take a presence of this name, our own too."""
        status = Status(said.status, said.instance)
        self._do(self._unique.hear_status(status, _now(), retained=retained))

    def _do(self, reply: Reply) -> None:
        if self._closed or self.lost:
            return
        if reply == "hello":
            hello = unique_name.encode(Hello(self.instance))
            self._link.publish(worker_hello(self._name), hello, qos=1)
        elif reply == "status":
            self._tell()
        elif reply == "taken":
            self.lost = True
            self._taken()


def _now() -> float:
    return asyncio.get_running_loop().time()
