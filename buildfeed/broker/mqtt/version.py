"""The version of MQTT to ask a broker for. No I/O."""

from paho.mqtt.enums import MQTTProtocolVersion

V5 = MQTTProtocolVersion.MQTTv5
V311 = MQTTProtocolVersion.MQTTv311


class VersionChoice:
    """MQTT 5 where the broker answers it, else 3.1.1.

    A broker without MQTT 5 refuses it, or just drops the connection (RabbitMQ 3.10). A broker that
    is still starting drops connections too, so a drop settles nothing: the versions take turns
    until one is answered. That version is kept until two connections in a row are dropped, or
    nobody listens.
    """

    def __init__(self) -> None:
        self.version = V5
        self._silences_left = 1

    def answered(self) -> None:
        """Note a CONNACK, also one that refuses the user."""
        self._silences_left = 2

    def silent(self) -> bool:
        """Note a connection dropped without a CONNACK; tell whether to try again at once."""
        self._silences_left -= 1
        if self._silences_left:
            return False
        self._silences_left = 1
        self.version = V311 if self.version is V5 else V5
        return self.version is V311

    def away(self) -> None:
        """Note that nobody listens: the broker that comes back may be a newer one."""
        self.version = V5
        self._silences_left = 1
