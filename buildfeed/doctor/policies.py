"""Verdicts on the policies and limits of a virtual host, as the management API tells them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from buildfeed.broker.amqp.topology import BUILDS, BUILDS_DEAD, BUILDS_HIGH
from buildfeed.doctor.finding import Finding, fault, ok, warning

_SESSION: Final = "mqtt-subscription-doctorqos1"
_RECORDER: Final = "mqtt-subscription-recorderqos1"
_LENGTHS: Final = "max-length", "max-length-bytes"
_LOSE: Final = "max-length", "max-length-bytes", "message-ttl", "expires"
_FULL: Final = 0.9
"""Share of the queues from which it is time to act."""

Policy = Mapping[str, Any]


def effective(policies: Iterable[Policy], queue: str) -> dict[str, Any]:
    """Return the definition that a queue gets: that of the policy with the highest priority."""
    matching = [each for each in policies if _matches(each, queue)]
    best = max(matching, key=lambda each: int(each.get("priority", 0)), default=None)
    return dict(best["definition"]) if best else {}


def of_sessions(policies: Iterable[Policy]) -> Finding:
    """Return whether sessions of subscribers are bounded, and those of recorders are not."""
    policies = list(policies)
    subject = "policy for MQTT sessions"
    advice = "Set the policy mqtt-sessions of deploy/rabbitmq/definitions.json."
    lost = [name for name in _LENGTHS if name in effective(policies, _RECORDER)]
    if lost:
        meaning = f"the session of the recorder has {' and '.join(lost)}: the history loses builds."
        return fault(subject, meaning, advice)
    found = effective(policies, _SESSION)
    if not any(name in found for name in _LENGTHS):
        meaning = "a subscriber that is away is kept everything for: memory and disk fill up."
        return fault(subject, meaning, advice)
    if found.get("overflow", "drop-head") != "drop-head":
        meaning = f"a full session has the overflow {found['overflow']}: publishers stand still."
        return fault(subject, meaning, advice)
    return ok(subject, "sessions of subscribers are bounded, those of recorders are not.")


def of_starts(policies: Iterable[Policy]) -> Finding:
    """Return whether a policy lets the queues of builds lose starts."""
    policies = list(policies)
    subject = "policies for the queues of builds"
    for queue in (BUILDS, BUILDS_HIGH, BUILDS_DEAD):
        lost = [name for name in _LOSE if name in effective(policies, queue)]
        if lost:
            meaning = f"{queue} has {' and '.join(lost)}: starts get lost."
            return fault(subject, meaning, "Let the policy not match the queues of builds.")
    return ok(subject, "none that loses starts.")


def of_number(limits: Mapping[str, Any], queues: int) -> Finding:
    """Return whether the number of queues, and so of sessions, is bounded and not reached."""
    subject = "number of queues"
    most = limits.get("max-queues")
    if not isinstance(most, int) or most < 0:
        meaning = (
            f"there are {queues}, and no limit: each subscriber may make sessions without end."
        )
        return fault(subject, meaning, "Set max-queues, as definitions.json has it.")
    meaning = f"{queues} of {most}."
    if queues >= most:
        return fault(subject, f"{meaning} Nobody new gets one.", "Delete sessions, or raise it.")
    if queues >= _FULL * most:
        return warning(subject, meaning, "Delete sessions that nobody needs, or raise max-queues.")
    return ok(subject, meaning)


def of_readers(users: Iterable[str], limits: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield whether users for subscribers have a limit of connections."""
    bounded = {
        each.get("user") for each in limits if "max-connections" in dict(each.get("value", {}))
    }
    for user in users:
        subject = f"connections of {user}"
        if user in bounded:
            yield ok(subject, "bounded.")
        else:
            advice = "Set max-connections of this user: rabbitmqctl set_user_limits."
            yield warning(subject, "it may open any number, and use up what all have.", advice)


def _matches(policy: Policy, queue: str) -> bool:
    if policy.get("apply-to", "all") == "exchanges":
        return False
    pattern = str(policy.get("pattern", "")).replace(r"\z", r"\Z")  # Erlang's, and Python's
    try:
        return re.search(pattern, queue) is not None
    except re.error:
        return False
