"""Which version of MQTT to ask a broker for. No I/O."""

from paho.mqtt.enums import MQTTProtocolVersion

V5 = MQTTProtocolVersion.MQTTv5
V311 = MQTTProtocolVersion.MQTTv311


class VersionChoice:
    """MQTT 5 where the broker answers it, else 3.1.1.

    A broker without MQTT 5 may say so or just drop the connection (RabbitMQ 3.10), which one that
    is still starting does too. So a silence is never an answer: the versions take turns until one
    is answered, that one is kept, and two silences in a row or an outage reopen the question.
    """

    def __init__(self) -> None:
        self.version = V5
        self._patience = 1

    def answered(self) -> None:
        """Note a CONNACK, also one that refuses the user."""
        self._patience = 2

    def silent(self) -> bool:
        """Note a connection that ended without a CONNACK; tell whether to try again at once."""
        self._patience -= 1
        if self._patience:
            return False
        self._patience = 1
        self.version = V311 if self.version is V5 else V5
        return self.version is V311

    def away(self) -> None:
        """Note that nobody listens: what comes back may be a newer broker."""
        self.version = V5
        self._patience = 1
