"""Where clients of MQTT connect: by TCP or in a WebSocket, in the clear or by TLS."""

import ssl
from typing import Final
from urllib.parse import quote

import msgspec

from buildfeed import listeners
from buildfeed.broker.local.ports import in_url
from buildfeed.broker.local.users import User

WEB_SOCKET_PATH: Final = "/mqtt"
"""The path of MQTT over WebSocket, at every broker that we configure: many clients have it as their
default."""

MQTT_PORT: Final = 1883
MQTTS_PORT: Final = 8883
"""The ports that are registered for MQTT, and for MQTT by TLS."""
WEB_SOCKET_PORT: Final = 15675
"""The port of MQTT over WebSocket; none is registered, and RabbitMQ has this one."""

_SCHEMES: Final = {
    # in a WebSocket, by TLS
    (False, False): "mqtt",
    (False, True): "mqtts",
    (True, False): "ws",
    (True, True): "wss",
}


class Listener(msgspec.Struct, frozen=True):
    """A host and a port where a broker listens; with a context of `tls` it speaks that alone."""

    host: str
    port: int
    web_socket: bool = False
    tls: ssl.SSLContext | None = None

    def url(self, user: User | None = None) -> str:
        """Return the URL for clients on this machine, with the login of a user if one is given."""
        login = f"{quote(user.name, safe='')}:{quote(user.password, safe='')}@" if user else ""
        return self._at(f"{login}{in_url(listeners.reachable(self.host))}")

    def public_url(self) -> str:
        """Return the URL that others use; without a host where it listens on every address."""
        here = listeners.reachable(self.host)
        return self._at("" if here == listeners.LOOPBACK != self.host else in_url(self.host))

    def _at(self, host: str) -> str:
        scheme = _SCHEMES[self.web_socket, self.tls is not None]
        return f"{scheme}://{host}:{self.port}{WEB_SOCKET_PATH if self.web_socket else ''}"
