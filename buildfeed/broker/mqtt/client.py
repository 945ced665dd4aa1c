"""paho's client with buffers: many messages in one system call, and many PUBACKs.

paho makes four system calls to receive a message and one to acknowledge it. Besides its own cost,
each is a chance for another thread to take the interpreter. Here one call receives up to 64 KiB.
`packets` finds the plain messages in them; paho parses all other packets from the same bytes. So
the stream is read in order: a packet is either taken whole here, or paho begins with its first byte
and is not interrupted before its last.

Relied on in paho:

* `loop_read` takes every byte from `_sock_recv`, which raises BlockingIOError when nothing has
  arrived and returns no bytes at the end of the connection; it has dealt with both, and with other
  OSErrors, when it returns.
* `_in_packet["command"]` is 0 while no packet is half read.
* The keep-alive looks at `_last_bytes_received`, in seconds of `time.monotonic`.
* PUBACKs, paho's own and those of `ack`, go through `_send_puback`.
* `_get_proxy` returns the arguments for PySocks, where that is installed, or None.
* `_packet_queue` sends bytes as they are, several packets at once too, when the socket takes them.
"""

import struct
import time
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MessageType, MQTTErrorCode, MQTTProtocolVersion

from buildfeed.broker.mqtt.packets import publishes
from buildfeed.broker.mqtt.session import Message, Session

_CHUNK_BYTES: Final = 64 * 1024
"""Bytes that one system call receives at most, unless paho asks for more."""
_PUBACK: Final = struct.Struct("!BBH")
_PACKET_ID_BYTES: Final = 2


class BufferedClient(Client):
    """Receives all data that has arrived at once, and holds PUBACKs back until `send_pubacks`.

    Plain messages go to `on_plain_message`, all others to paho's `on_message`.
    """

    def __init__(
        self,
        version: MQTTProtocolVersion,
        session: Session,
        on_plain_message: Callable[[Message], None],
    ) -> None:
        self._is_mqtt_5 = version is MQTTProtocolVersion.MQTTv5
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=session.client_id,
            clean_session=None if self._is_mqtt_5 else not session.durable,
            protocol=version,
            reconnect_on_failure=False,
            manual_ack=session.durable,
        )
        self._session = session
        self._on_plain_message = on_plain_message
        self._chunk, self._offset = b"", 0
        self._pubacks = b""
        self.plain_messages = 0
        """Plain messages that were read."""

    @property
    def unread(self) -> bool:
        """True while received bytes wait for `loop_read`: no selector knows of them."""
        return self._offset < len(self._chunk)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read the plain messages that have arrived, else one packet of any type."""
        if self._in_packet["command"] or not self._take_plain_messages():
            return super().loop_read(max_packets)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def send_pubacks(self) -> None:
        """Send all PUBACKs that were held back, in one piece."""
        if self._pubacks:
            packets, self._pubacks = self._pubacks, b""
            self._packet_queue(MessageType.PUBACK, packets, 0, 1)

    def _take_plain_messages(self) -> bool:
        """Hand on the plain messages that come next; tell whether there were any."""
        if not self.unread:
            try:
                self._receive(_CHUNK_BYTES)
            except OSError:  # paho gets the same error when it reads, and deals with it
                return False
        messages, self._offset = publishes(
            self._chunk,
            self._offset,
            properties=self._is_mqtt_5,
            connection=self._session.connection,
        )
        for message in messages:
            self._on_plain_message(message)
            if message.qos and not self._session.durable:
                self._send_puback(message.packet_id)
        self._last_bytes_received = time.monotonic()
        self.plain_messages += len(messages)
        return bool(messages)

    def _get_proxy(self) -> dict[str, Any] | None:
        # paho would ask the proxy that `mqtt_proxy` names, which cannot reach this machine's own
        # broker.
        host = self._host
        ours = host in ("localhost", "::1") or host.startswith("127.")
        return None if ours else super()._get_proxy()

    def _receive(self, size: int) -> None:
        self._chunk, self._offset = super()._sock_recv(max(size, _CHUNK_BYTES)), 0

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self.unread:
            self._receive(bufsize)
        taken = self._chunk[self._offset : self._offset + bufsize]
        self._offset += len(taken)
        return taken

    def _send_puback(self, mid: int) -> MQTTErrorCode:
        self._pubacks += _PUBACK.pack(MessageType.PUBACK, _PACKET_ID_BYTES, mid)
        return MQTTErrorCode.MQTT_ERR_SUCCESS
