"""Roles: what each user of the broker has to be allowed, and what has to be refused.

The users are those of deploy/rabbitmq/definitions.json and of a private RabbitMQ. The names in the
topics are made up for the examination.
"""

from typing import Final

import msgspec

from buildfeed.broker.amqp.stream import STREAM
from buildfeed.broker.amqp.topology import BUILDS, BUILDS_DEAD, BUILDS_HIGH
from buildfeed.topics import ALL_BUILDS, ALL_WORKERS, STOPS

NAME: Final = "doctor-check"
"""Stands for a project, a build and a worker that nobody has."""

_BUILD: Final = f"builds/{NAME}/{NAME}"
STARTED: Final = f"{_BUILD}/start"
STOPPED: Final = f"{_BUILD}/stop"
REPORTED: Final = frozenset(f"{_BUILD}/{kind}" for kind in ("status", "progress", "error", "log"))
_PRESENCE: Final = frozenset((f"workers/{NAME}/status", f"workers/{NAME}/hello"))
_RECORDED: Final = frozenset(
    (f"projects/{NAME}/latest", f"recorders/{NAME}/status", f"recorders/{NAME}/hello")
)
_PROBE: Final = "gateways/0123456789abcdef/probe"
TOPICS: Final = frozenset((STARTED, STOPPED, _PROBE)) | REPORTED | _PRESENCE | _RECORDED
"""Every kind of topic that somebody publishes on."""

QUEUES: Final = BUILDS, BUILDS_HIGH, BUILDS_DEAD, STREAM

LEAKS: Final = {
    "builds/{name}.secret/{name}/{kind}": "RabbitMQ reads . as /",
    "builds/*/{name}/{kind}": "RabbitMQ reads * as +",
    "builds/{name}/{name}/{name}/{kind}": "it has a level too many",
    "builds/{name}/{kind}": "it has a level too few",
}
"""Topics that are none of ours, and would reach the watchers of other projects."""
ODD_FILTERS: Final = "#", "+/#", f"builds/{NAME}.secret/#", f"builds/*/{NAME}/#"
"""Filters that reach the builds of others where a permission was written carelessly."""


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of user may do.

    `client_id` begins the ids of its MQTT sessions. `publishes` are of TOPICS, `takes` of QUEUES.
    `subscribes` has to be granted, `refused` has not.
    """

    client_id: str
    publishes: frozenset[str] = frozenset()
    subscribes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    makes_queues: bool = False

    @property
    def reads_only(self) -> bool:
        """Whether it is one of subscribers."""
        return not self.publishes


_READER: Final = Role(
    client_id="doctor-",
    subscribes=(ALL_BUILDS, "builds/+/+/error", ALL_WORKERS),
    refused=("#", "gateways/#", "recorders/#"),
    takes=(STREAM,),
)
_ROLES: Final = {
    "gateway": Role(
        client_id="gateway-",
        publishes=frozenset((STARTED, STOPPED, _PROBE)),
        subscribes=(ALL_BUILDS, ALL_WORKERS, _PROBE),
        refused=("#", "projects/#"),
        takes=(BUILDS, BUILDS_HIGH, BUILDS_DEAD),
        makes_queues=True,
    ),
    "worker": Role(
        client_id="worker-doctor-",
        publishes=REPORTED | _PRESENCE,
        subscribes=(STOPS, f"{_BUILD}/status", ALL_WORKERS),
        refused=("#", ALL_BUILDS),
        takes=(BUILDS, BUILDS_HIGH),
    ),
    "recorder": Role(
        client_id="recorder-doctor-",
        publishes=_RECORDED | {f"{_BUILD}/status", f"workers/{NAME}/status"},
        subscribes=(ALL_BUILDS, ALL_WORKERS, f"recorders/{NAME}/status"),
        refused=("#", "projects/#"),
    ),
    "mobile": _READER,
    "reader": _READER,
}


def of(user: str) -> Role | None:
    """Return the role of a user by its name; None for one whose name says nothing."""
    name = user.rpartition(":")[2]  # in front of it, MQTT names the virtual host
    return _ROLES.get(name)


def key(topic: str) -> str:
    """Return the routing key of an MQTT topic, as RabbitMQ makes it."""
    return topic.replace("/", ".").replace("+", "*")


def leaks(role: Role) -> dict[str, str]:
    """Return topics that a role must not publish on though they look like its own, and why."""
    own = sorted(topic for topic in role.publishes if topic.startswith("builds/"))
    kind = own[0].rpartition("/")[2] if own else "status"
    return {form.format(name=NAME, kind=kind): why for form, why in LEAKS.items()}


def longer(role: Role) -> str:
    """Return a topic with a name of 65 characters, one more than a name has."""
    own = sorted(role.publishes)
    topic = next((each for each in own if each.startswith("builds/")), next(iter(own), STARTED))
    first, _, rest = topic.partition(f"/{NAME}")
    return f"{first}/{'a' * 65}{rest}"
