"""paho's client with fewer system calls: it makes four to receive a message and one for its PUBACK.

Besides their own cost, each is a chance for another thread to take the interpreter.
"""

import struct
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import MessageType, MQTTErrorCode

_CHUNK: Final = 64 * 1024
_PUBACK: Final = struct.Struct("!BBH")
_ID_BYTES: Final = 2


class BufferedClient(Client):
    """Receives all that is there at once, and holds PUBACKs back until `send_pubacks`."""

    _unread = memoryview(b"")
    _pubacks = b""

    @property
    def unread(self) -> bool:
        """True while `loop_read` has something to do that no selector knows of."""
        return bool(self._unread)

    def send_pubacks(self) -> None:
        """Send what was held back, in one piece."""
        if self._pubacks:
            packets, self._pubacks = self._pubacks, b""
            self._packet_queue(MessageType.PUBACK, packets, 0, 1)

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._unread:
            self._unread = memoryview(super()._sock_recv(max(bufsize, _CHUNK)))
        taken, self._unread = self._unread[:bufsize], self._unread[bufsize:]
        return bytes(taken)

    def _send_puback(self, mid: int) -> MQTTErrorCode:
        self._pubacks += _PUBACK.pack(MessageType.PUBACK, _ID_BYTES, mid)
        return MQTTErrorCode.MQTT_ERR_SUCCESS
