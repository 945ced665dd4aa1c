"""The topics of the broker as channels: by MQTT, by AMQP, and the stream.

Made from the vocabulary: the kinds, and the functions that make topics.
"""

from typing import Final

import msgspec

from buildfeed.broker.amqp.stream import STREAM
from buildfeed.broker.amqp.topology import TOPIC_EXCHANGE
from buildfeed.broker.permissions import PUBLISHED
from buildfeed.history.store import STATUS_KINDS
from buildfeed.topics import KINDS, Topic, latest, worker_status
from gateway.asyncapi.messages import TELLS
from gateway.asyncapi.parts import Described, Json, channel, operation, reference, server

_MQTT: Final = "mqtt", "mqtts", "mqttWs", "mqttWss"
_AMQP: Final = "amqp", "amqps"
_SERVERS: Final = {
    # server: protocol, its version, port, path, what it is
    "mqtt": ("mqtt", "3.1.1", "1883", "", "RabbitMQ, or the broker of `buildfeed up`."),
    "mqtts": ("secure-mqtt", "3.1.1", "8883", "", "The same by TLS."),
    "mqttWs": ("ws", "13", "15675", "/mqtt", "MQTT in a WebSocket, by its subprotocol `mqtt`."),
    "mqttWss": ("wss", "13", "15675", "/mqtt", "The same by TLS."),
    "amqp": ("amqp", "0-9-1", "5672", "", "RabbitMQ; the embedded broker has no AMQP."),
    "amqps": ("amqps", "0-9-1", "5671", "", "The same by TLS."),
}
_NAMES: Final = {"project": "acme", "build": "01a1", "worker": "w1"}
"""What stands in topics, each with an example."""
_A_NAME: Final = "A name: 1 to 64 characters of a-z 0-9 - _, the first a letter or digit."
_STREAM_TELLS: Final = "All activities, as far as the stream keeps them."


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """A topic, with its parameters in braces, and what is published there.

    `others` tells whether programs publish there that build something of their own.
    """

    id: str
    topic: str
    tells: str
    messages: tuple[str, ...]
    qos: int
    retain: bool
    others: bool

    @property
    def id_by_amqp(self) -> str:
        """The id of its channel by AMQP."""
        return f"{self.id}ByAmqp"


def broker() -> Described:
    """Return the servers, channels and operations of the broker."""
    channels = {"stream": _stream()}
    operations = {"sendStream": operation("send", "stream", _STREAM_TELLS, KINDS)}
    for place in _places():
        channels |= {place.id: _by_mqtt(place), place.id_by_amqp: _by_amqp(place)}
        operations |= _operations(place)
    return Described(_servers(), channels, operations)


def _servers() -> dict[str, Json]:
    security = [reference("components", "securitySchemes", "login")]
    return {
        id_: server(protocol, version, port, tells, pathname=path, security=security)
        for id_, (protocol, version, port, path, tells) in _SERVERS.items()
    }


def _places() -> list[_Place]:
    """Return the topics that apps may subscribe to."""
    of_builds = [
        _Place(
            id=f"build{kind.name.capitalize()}",
            topic=str(Topic("{project}", "{build}", kind.name)),
            tells=TELLS[kind.name],
            messages=(kind.name,),
            qos=kind.qos,
            retain=False,
            others=kind.name in PUBLISHED,
        )
        for kind in KINDS.values()
    ]
    presence = _Place(
        id="workerPresence",
        topic=worker_status("worker").replace("/worker/", "/{worker}/"),
        tells="Who builds, and how busy they are; an empty payload removes it.",
        messages=("presence",),
        qos=1,
        retain=True,
        others=True,
    )
    newest = _Place(
        id="projectLatest",
        topic=latest("project").replace("/project/", "/{project}/"),
        tells="The newest status of the newest build of a project.",
        messages=STATUS_KINDS,
        qos=1,
        retain=True,
        others=False,
    )
    return [*of_builds, presence, newest]


def _operations(place: _Place) -> dict[str, Json]:
    """Return what we do at a topic: we send, and receive what others may publish.

    At one of QoS 0 others may send by a higher one, as `buildfeed run` does.
    """
    name = place.id[0].upper() + place.id[1:]
    binding = {"qos": place.qos, "retain": place.retain, "bindingVersion": "0.2.0"}
    bindings = {"mqtt": binding}
    by_amqp = operation("send", place.id_by_amqp, place.tells, place.messages)
    sent = place.tells if place.qos else f"{place.tells} By this QoS or a higher one."
    found = {
        f"send{name}": operation("send", place.id, sent, place.messages, bindings=bindings),
        f"send{name}ByAmqp": by_amqp,
    }
    if place.others:
        own = "" if place.retain else " Of a build of one's own, by this QoS or a higher one."
        found[f"receive{name}"] = operation(
            "receive", place.id, f"{place.tells}{own}", place.messages, bindings=bindings
        )
    return found


def _by_mqtt(place: _Place) -> Json:
    return channel(place.topic, place.tells, place.messages, _MQTT, parameters=_parameters(place))


def _by_amqp(place: _Place) -> Json:
    exchange = {"name": TOPIC_EXCHANGE, "type": "topic", "durable": True, "autoDelete": False}
    binding = {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}
    return channel(
        place.topic.replace("/", "."),
        f"{place.tells} Bind a queue of your own to the exchange.",
        place.messages,
        _AMQP,
        parameters=_parameters(place),
        bindings={"amqp": binding},
    )


def _stream() -> Json:
    queue = {"name": STREAM, "durable": True, "exclusive": False, "autoDelete": False}
    binding = {"is": "queue", "queue": queue, "bindingVersion": "0.3.0"}
    tells = f"{_STREAM_TELLS} Reading takes nothing away."
    return channel(STREAM, tells, KINDS, _AMQP, bindings={"amqp": binding})


def _parameters(place: _Place) -> Json:
    return {
        name: {"description": _A_NAME, "examples": [example]}
        for name, example in _NAMES.items()
        if f"{{{name}}}" in place.topic
    }
