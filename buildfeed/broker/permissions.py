"""What somebody with a token may do at a broker, be it RabbitMQ or the embedded one. Pure.

A broker cannot narrow a filter, so a subscription that reaches further than the grants is refused.
"""

from typing import Final

from buildfeed import names
from buildfeed.errors import InvalidFilter, InvalidTopic
from buildfeed.grants import Area, Grants
from buildfeed.topics import Topic, watchable

PUBLISHED: Final = frozenset(("status", "progress", "error", "log"))
"""The kinds of activity that one publishes of builds of one's own; commands go to the gateway."""

SEPARATOR: Final = ":"
"""Stands between a token's name and the rest of a client id. No name has it, so that nobody takes
over the session of somebody whose name begins like his own."""

_OF_SERVICES: Final = "gateway", "worker", "recorder"
"""What the client ids of services, and the names of workers, begin with. None has the separator."""


def may_read(grants: Grants, filter_: str) -> bool:
    """Tell whether somebody may subscribe to an MQTT filter.

    That is one of topics of builds which grants cover, or the newest status of a project
    (`projects/{project}/latest`) for somebody who may read the status of all its builds.
    """
    project = _named(filter_, "projects", "latest")
    if project is not None:
        return grants.by("read", Area(project, kind="status")) is not None
    if not filter_.startswith("builds/"):  # `+` would match other topics too
        return False
    try:
        return grants.by("read", Area.of(watchable(filter_))) is not None
    except InvalidFilter:
        return False


def may_publish(name: str, grants: Grants, topic: str) -> bool:
    """Tell whether somebody of a name may publish on a topic.

    Those are activities of builds in the projects that `publish` names, and the presence of
    runners whose names begin with this one's, unless workers are called so.
    """
    worker = _named(topic, "workers", "status")
    if worker is not None:
        is_own = worker == name or worker.startswith(f"{name}-")
        return is_own and not name.startswith(_OF_SERVICES) and bool(grants.areas("publish"))
    try:
        parsed = Topic.parse(topic)
    except InvalidTopic:
        return False
    return parsed.kind in PUBLISHED and grants.may("publish", parsed.project)


def is_own_session(name: str, client_id: str) -> bool:
    """Tell whether an MQTT session is one of somebody of a name: `ada`, `ada:phone`.

    Whoever is called like a service has no session without the separator: it would be the
    service's.
    """
    if client_id.startswith(f"{name}{SEPARATOR}"):
        return True
    return client_id == name and not name.startswith(_OF_SERVICES)


def _named(topic: str, first: str, last: str) -> str | None:
    """Return the name between the levels `first` and `last` of a topic, None if it is another."""
    name = topic.removeprefix(f"{first}/").removesuffix(f"/{last}")
    return name if topic == f"{first}/{name}/{last}" and names.is_name(name) else None
