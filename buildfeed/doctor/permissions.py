"""Permissions of each user of the broker, by trying: what it needs, and what it must not do."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from paho.mqtt.enums import MQTTProtocolVersion

from buildfeed.broker.amqp.topology import START_EXCHANGE, TOPIC_EXCHANGE
from buildfeed.broker.mqtt.session import Address
from buildfeed.doctor import roles
from buildfeed.doctor.amqp_trial import AmqpTrial
from buildfeed.doctor.finding import Finding, fault, left_out, ok, warning
from buildfeed.doctor.mqtt_session import MqttSession
from buildfeed.doctor.roles import Role
from buildfeed.topics import ALL_BUILDS

_ADVICE: Final = "Give it the permissions that deploy/rabbitmq/definitions.json has."
_FOREIGN_SESSIONS: Final = "gateway-0123abcd", "worker-doctor", "recorder-doctor"
_SHOWN: Final = 4
_PAYLOAD: Final = b"buildfeed doctor: this is no activity"


def publishing(user: str, trial: AmqpTrial) -> Iterator[Finding]:
    """Yield what a user may publish, and make of the queues; nothing is published."""
    role = roles.of(user)
    if trial.impersonates():
        advice = "Take this tag away; only a federation of brokers needs it."
        yield warning(f"publishing as {user}", "it has the tag impersonator: not tried.", advice)
        return
    may = {each for each in roles.TOPICS if trial.may_publish(TOPIC_EXCHANGE, roles.key(each))}
    subject = f"publishing as {user}"
    if role is None:
        yield _of_no_role(subject, may)
        return
    if extra := may - role.publishes:
        yield fault(subject, f"it may publish on {_list(extra)}.", _ADVICE)
    if lacking := role.publishes - may:
        yield fault(subject, f"it may not publish on {_list(lacking)}.", _ADVICE)
    if not extra and not lacking:
        yield ok(subject, "as it should be: " + (_list(may) if may else "nothing") + ".")
    yield from _odd_topics(user, role, trial)
    yield from _queues(user, role, trial)


def subscribing(user: str, address: Address, version: MQTTProtocolVersion) -> Iterator[Finding]:
    """Yield what a user may subscribe to; to each filter it is subscribed for a moment."""
    role = roles.of(user)
    subject = f"subscribing as {user}"
    # The sessions of a token have its name in front.
    prefix = role.client_id if role else f"{user.rpartition(':')[2]}:doctor-"

    def granted(filter_: str) -> bool:
        with MqttSession(address, _client_id(prefix), version) as session:
            return session.accepted and session.subscribe(filter_)

    if role is None:
        yield _odd_filters(subject, granted)
    else:
        lacking = [each for each in role.subscribes if not granted(each)]
        extra = [each for each in role.refused if granted(each)]
        if lacking:
            yield fault(subject, f"refused: {_list(lacking)}.", _ADVICE)
        if extra:
            yield fault(subject, f"granted: {_list(extra)}.", _ADVICE)
        if not lacking and not extra:
            meaning = f"granted: {_list(role.subscribes)}; refused: {_list(role.refused)}."
            yield ok(subject, meaning)


def publishing_by_mqtt(
    user: str, address: Address, version: MQTTProtocolVersion
) -> Iterator[Finding]:
    """Yield whether a user for subscribers may publish, where there is no AMQP to try it by.

    Others are not tried: what is granted is published.
    """
    role, subject = roles.of(user), f"publishing as {user}"
    if role is None or not role.reads_only:
        yield left_out(subject, "by MQTT it would be published; give --amqp-url.")
        return
    may = set()
    for topic in sorted(roles.REPORTED):
        with MqttSession(address, _client_id(role.client_id), version) as session:
            # A broker may acknowledge what it throws away, so it has to come back.
            heard = session.accepted and session.subscribe(topic)
            if heard and session.publish(topic, _PAYLOAD) and session.hears():
                may.add(topic)
    if may:
        yield fault(subject, f"it may publish on {_list(may)}.", _ADVICE)
    else:
        yield ok(subject, "as it should be: nothing.")


def _odd_filters(subject: str, granted: Callable[[str], bool]) -> Finding:
    """Return whether a user who may not read all builds gets at them by another filter."""
    odd = [filter_ for filter_ in roles.ODD_FILTERS if granted(filter_)]
    if granted(ALL_BUILDS):
        return ok(subject, "it may read every build" + (", and more." if odd else "."))
    if odd:
        meaning = f"granted: {_list(odd)}, though {ALL_BUILDS} is refused: it reads other projects."
        return fault(subject, meaning, "RabbitMQ reads . as / and * as +: name the projects.")
    return ok(subject, f"refused: {ALL_BUILDS}, and what would come to the same.")


def _of_no_role(subject: str, may: set[str]) -> Finding:
    """Return what a user may publish whose name says nothing about its role."""
    if not may:
        return ok(subject, "nothing, as it is good for subscribers.")
    if may == roles.TOPICS:
        meaning = "it may do everything: forge builds, and send topics that end AMQP consumers."
        advice = "On your own machine that is fine; elsewhere give each process a user of its own."
        return warning(subject, meaning, advice)
    return ok(subject, f"{_list(may)}.")


def _odd_topics(user: str, role: Role, trial: AmqpTrial) -> Iterator[Finding]:
    subject = f"topics of {user} in foreign projects"
    found = {
        topic: why
        for topic, why in roles.leaks(role).items()
        if trial.may_publish(TOPIC_EXCHANGE, roles.key(topic))
    }
    if found:
        named = ", ".join(f"{topic} ({why})" for topic, why in found.items())
        meaning = f"it reaches the watchers of other projects by {named}."
        yield fault(subject, meaning, _ADVICE)
    else:
        yield ok(subject, "refused: names with dots, stars, levels too many or too few.")
    longer, subject = roles.longer(role), f"long topics of {user}"
    if trial.may_publish(TOPIC_EXCHANGE, roles.key(longer)):
        meaning = "names may be of any length, and a topic over 255 bytes ends every AMQP consumer."
        yield fault(subject, meaning, _ADVICE)
    else:
        yield ok(subject, "refused.")


def _queues(user: str, role: Role, trial: AmqpTrial) -> Iterator[Finding]:
    subject = f"queues of {user}"
    there = {queue: may for queue in roles.QUEUES if (may := trial.may_take(queue)) is not None}
    extra = [
        f"take from {queue}" for queue, may in there.items() if may and queue not in role.takes
    ]
    lacking = [
        f"take from {queue}" for queue, may in there.items() if not may and queue in role.takes
    ]
    for queue in roles.QUEUES:
        may = trial.may_make(queue)
        if may != role.makes_queues:
            (extra if may else lacking).append(f"make and delete {queue}")
    sends = role.makes_queues  # the gateway, by the ladder of delays
    if not sends and trial.may_publish("", roles.QUEUES[0]):
        extra.append(f"publish to {roles.QUEUES[0]} past all topics")
    if not sends and there and trial.may_publish(START_EXCHANGE, roles.key(roles.STARTED)):
        extra.append(f"publish to {START_EXCHANGE} past all topics")
    own = role.client_id or "doctor-"
    foreign = [each for each in _FOREIGN_SESSIONS if not each.startswith(own.rstrip("-"))]
    extra += [
        f"take over the session {each}"
        for each in foreign
        if trial.may_make(f"mqtt-subscription-{each}qos1")
    ]
    if extra:
        yield fault(subject, f"it may {_list(extra)}.", _ADVICE)
    if lacking:
        yield fault(subject, f"it may not {_list(lacking)}.", _ADVICE)
    if not extra and not lacking:
        yield ok(subject, "it may take, make and take over what it should, and no more.")
    if len(there) < len(roles.QUEUES):
        missing = [queue for queue in roles.QUEUES if queue not in there]
        yield left_out(subject, f"{_list(missing)} is not there: start a gateway first.")


def _client_id(prefix: str) -> str:
    return f"{prefix}{secrets.token_hex(4)}"


def _list(texts: Iterable[str]) -> str:
    named = sorted(texts)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
