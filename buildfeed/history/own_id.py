"""The id of a recorder, which no other recorder may have while this one is there.

Two with one id would take the durable session of that name from each other, for ever, and each
would record a part. The rules are in `buildfeed/unique_name.py`; here they are asked and answered
on a connection of its own, as the durable session must not be touched before.
"""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Final, Literal

from buildfeed import unique_name
from buildfeed.broker.mqtt.link import Message, MqttLink, Will
from buildfeed.topics import recorder_hello, recorder_status
from buildfeed.unique_name import Hello, Reply, Status, UniqueName

_DOUBT_SECONDS: Final = 5.0
"""Seconds to wait for a recorder of this id that was online: one that runs answers at once."""

_LOOK_SECONDS: Final = 0.05
"""Seconds between two looks whether the id is free."""


class OwnId:
    """The id `recorder_id`. `free` is called in a thread of its own once it is ours."""

    def __init__(self, mqtt_url: str, recorder_id: str, *, free: Callable[[], None]) -> None:
        self._unique = UniqueName(secrets.token_hex(8), _DOUBT_SECONDS)
        self._free = free
        self._status = recorder_status(recorder_id)
        self._hello = recorder_hello(recorder_id)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.lost = False
        """True when another recorder has the id."""
        self._link = MqttLink(
            mqtt_url,
            name="recorder",
            subscriptions=[(self._status, 1), (self._hello, 1)],
            on_message=self._hear,
            on_up=self._up,
            will=Will(self._status, self._payload("offline"), retain=True),
        )
        self._asking = threading.Thread(target=self._ask, name="recorder-id", daemon=True)

    def start(self) -> None:
        """Ask, and answer others until `stop`; returns at once."""
        self._link.start()
        self._asking.start()

    def stop(self) -> None:
        """Leave the id to others."""
        self._stopping.set()
        if self._asking.ident is not None:
            self._asking.join()
        if self._unique.held and not self.lost:
            self._tell("offline")
        self._link.stop(1)

    def _ask(self) -> None:
        while not (self._stopping.is_set() or self.lost):
            with self._lock:
                free = self._unique.is_free(time.monotonic())
            if free:
                self._tell("online")
                self._free()
                return
            self._stopping.wait(_LOOK_SECONDS)

    # The methods below run in the thread of the link.

    def _up(self) -> None:
        with self._lock:
            reply = self._unique.connected()
        self._do(reply)

    def _hear(self, message: Message) -> None:
        now = time.monotonic()
        reply: Reply = "nothing"
        if message.topic == self._hello:
            if hello := unique_name.decode_hello(message.payload):
                with self._lock:
                    reply = self._unique.hear_hello(hello, now)
        elif status := unique_name.decode_status(message.payload):
            with self._lock:
                reply = self._unique.hear_status(status, now, retained=message.retain)
        self._do(reply)

    def _do(self, reply: Reply) -> None:
        if self._stopping.is_set() or self.lost:
            return
        if reply == "hello":
            hello = unique_name.encode(Hello(self._unique.instance))
            self._link.publish(self._hello, hello, qos=1)
        elif reply == "status":
            self._tell("online")
        elif reply == "taken":
            self.lost = True

    def _tell(self, status: Literal["online", "offline"]) -> None:
        self._link.publish(self._status, self._payload(status), qos=1, retain=True)

    def _payload(self, status: Literal["online", "offline"]) -> bytes:
        return unique_name.encode(Status(status, self._unique.instance))
