"""One MQTT connection that tries what a user may do. RabbitMQ closes it when it refuses."""

import ssl
import threading
from contextlib import suppress
from typing import Any, Final, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from buildfeed.broker.mqtt.session import Address
from buildfeed.doctor.unreachable import Unreachable, reason

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
_SECONDS: Final = 8.0
"""Seconds for an answer: RabbitMQ 4 takes 3 s to refuse a password."""
_HEARD_SECONDS: Final = 1.0
_UNSUPPORTED: Final = 0x84
"""Reason code: this version of MQTT is not spoken here."""


class MqttSession:
    """A connection with a session that ends with it.

    `accepted`: the broker let it in. `answered`: it knows this version of MQTT. `told`: what the
    CONNACK of MQTT 5 says of limits. Raises Unreachable.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        version: MQTTProtocolVersion,
        session_seconds: int = 0,
    ) -> None:
        self.told: dict[str, Any] = {}
        self.answered = False
        self.accepted = False
        self.reason = ""
        self._failed = False
        self._event, self._heard = threading.Event(), threading.Event()
        is_5 = version is V5
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if is_5 else True,
            protocol=version,
            reconnect_on_failure=False,
        )
        client.username_pw_set(address.user, address.password)
        if address.tls:
            client.tls_set_context(ssl.create_default_context())
        client.connect_timeout = _SECONDS
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._is_5 = is_5
        try:
            if is_5:
                wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                wanted.SessionExpiryInterval = session_seconds
                client.connect(address.host, address.port, clean_start=True, properties=wanted)
            else:
                client.connect(address.host, address.port)
        except (OSError, ValueError) as exc:
            raise Unreachable(reason(exc)) from exc
        client.loop_start()
        self._wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def subscribe(self, filter_: str) -> bool:
        """Subscribe to a filter; tell whether that was granted."""
        self._event.clear()
        self._client.subscribe(filter_, qos=1)
        return self._wait()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Publish; tell whether the broker acknowledged it."""
        self._event.clear()
        self._client.publish(topic, payload, qos=1)
        return self._wait()

    def hears(self) -> bool:
        """Wait a second for a message; tell whether one came."""
        return self._heard.wait(_HEARD_SECONDS)

    def close(self) -> None:
        """Leave; the session is not kept, whatever was asked for."""
        with suppress(OSError, ValueError):
            if self._is_5:
                ending = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
                ending.SessionExpiryInterval = 0
                self._client.disconnect(properties=ending)
            else:
                self._client.disconnect()
        self._client.loop_stop()

    def _wait(self) -> bool:
        if not self._event.wait(_SECONDS):
            self._failed = True
            self.reason = "no answer"
        return not self._failed

    def _answer(self, *codes: ReasonCode) -> None:
        for code in codes:
            if code.is_failure:
                self._failed = True
                self.reason = str(code)
        self._event.set()

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        _flags: object,
        code: ReasonCode,
        told: Any,  # noqa: ANN401 - of paho
    ) -> None:
        self.answered = code.value != _UNSUPPORTED
        self.accepted = not code.is_failure
        self.told = dict(told.json()) if told else {}
        self._answer(code)

    def _on_publish(
        self, _client: Client, _data: object, _mid: int, code: ReasonCode, _told: object
    ) -> None:
        self._answer(code)

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, codes: list[ReasonCode], _told: object
    ) -> None:
        self._answer(*codes)

    def _on_message(self, _client: Client, _data: object, _message: MQTTMessage) -> None:
        self._heard.set()

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: object, code: ReasonCode, _told: object
    ) -> None:
        self._failed = True
        self.reason = self.reason or str(code)
        self._event.set()


def opened(address: Address, client_id: str) -> tuple[MqttSession, MQTTProtocolVersion]:
    """Return a connection by the newest version of MQTT that the broker speaks, and that version.

    Raises Unreachable.
    """
    for version in (V5, V311):
        session = MqttSession(address, client_id, version)
        if session.answered:
            return session, version
        session.close()
    raise Unreachable("it answers neither MQTT 5 nor MQTT 3.1.1")
