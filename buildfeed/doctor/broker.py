"""The broker, as its clients see it: who gets in, what it takes, what each user may do."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import msgspec

from buildfeed import activity, presence
from buildfeed.broker.amqp.topology import (
    BUILDS,
    BUILDS_DEAD,
    BUILDS_HIGH,
    DEAD_ARGUMENTS,
    TOPIC_EXCHANGE,
    WORK_ARGUMENTS,
)
from buildfeed.broker.mqtt.session import Address
from buildfeed.doctor import permissions, roles, versions
from buildfeed.doctor.amqp_trial import AmqpTrial, connected
from buildfeed.doctor.finding import Finding, fault, left_out, ok, warning
from buildfeed.doctor.mqtt_session import V5, MqttSession, opened
from buildfeed.doctor.unreachable import Unreachable

_WEEK: Final = 7 * 24 * 3600
_HEAD_BYTES: Final = 1024
"""More than topic and properties of an activity take."""
_WIDE_BYTES: Final = 16 * 1024 * 1024
"""A packet limit from which one client can take much of the memory."""


def by_mqtt(urls: Sequence[str], *, amqp: bool) -> Iterator[Finding]:
    """Yield what MQTT shows, as each user of `urls`; with `amqp` publishing is tried there."""
    strangers = True
    for url in urls:
        address = Address.parse(url)
        user, subject = address.user or "nobody", f"MQTT as {address.user or 'nobody'}"
        role = roles.of(user)
        prefix = role.client_id if role else "doctor-"
        try:
            session, version = opened(address, f"{prefix}{secrets.token_hex(4)}")
        except Unreachable as exc:
            advice = "Check address and listener, and whether the broker is short of memory."
            yield fault(subject, f"{_place(url)}: {exc.reason}.", advice)
            continue
        with session:
            if not session.accepted:
                advice = "Check user, password and permissions."
                yield fault(subject, f"{_place(url)} refuses: {session.reason}.", advice)
                continue
            spoken = "5" if version is V5 else "3.1.1 only"
            yield ok(subject, f"{_place(url)} lets it in, by MQTT {spoken}.")
            if strangers and version is V5:
                yield from _limits(session)
        if strangers:
            yield from _strangers(address)
            strangers = False
        if version is V5:
            yield from _session_time(address, prefix, user)
        yield from permissions.subscribing(user, address, version)
        if not amqp:
            yield from permissions.publishing_by_mqtt(user, address, version)


def by_amqp(url: str, mqtt_urls: Sequence[str], *, managed: bool) -> Iterator[Finding]:
    """Yield what AMQP shows, as the user of `url` and as each one of `mqtt_urls`.

    Without `managed` that is also what the management API would tell.
    """
    parts = urlsplit(url)
    logins = {unquote(parts.username or "guest"): unquote(parts.password or "guest")}
    for each in mqtt_urls:
        address = Address.parse(each)
        if address.user:
            logins.setdefault(address.user.rpartition(":")[2], address.password or "")
    for number, (user, password) in enumerate(logins.items()):
        subject = f"AMQP as {user}"
        try:
            with ExitStack() as stack:
                trial = stack.enter_context(connected(url, user, password))
                yield ok(subject, f"{_place(url)} lets it in.")
                if number == 0:
                    if not managed:
                        yield versions.verdict(trial.version)
                    yield from _queues(trial)
                yield from permissions.publishing(user, trial)
        except Unreachable as exc:
            advice = "Check address, user and password."
            yield fault(subject, f"{_place(url)}: {exc.reason}.", advice)


def _queues(trial: AmqpTrial) -> Iterator[Finding]:
    wanted = {BUILDS: WORK_ARGUMENTS, BUILDS_HIGH: WORK_ARGUMENTS, BUILDS_DEAD: DEAD_ARGUMENTS}
    for queue, arguments in wanted.items():
        if trial.exists(queue) and trial.may_make(queue):
            if reason := trial.has(queue, arguments):
                meaning = f"it has other arguments than a gateway wants: {reason}."
                advice = "Delete it while no build waits; a gateway makes it anew."
                yield fault(f"queue {queue}", meaning, advice)
            else:
                yield ok(f"queue {queue}", "it is as gateways want it.")
    key = roles.key(roles.STARTED)
    subject = "size of a message"
    if not trial.may_publish(TOPIC_EXCHANGE, key):
        yield left_out(subject, "this user may not publish: take that of the gateway.")
    elif not trial.takes_bytes(TOPIC_EXCHANGE, key, activity.MAX_BYTES):
        meaning = f"an activity of {activity.MAX_BYTES // 1024} KiB is refused."
        yield fault(subject, meaning, "Set max_message_size in rabbitmq.conf: 131072 or more.")
    else:
        yield ok(subject, f"activities of {activity.MAX_BYTES // 1024} KiB are taken.")


def _limits(session: MqttSession) -> Iterator[Finding]:
    subject = "size of an MQTT packet"
    most = session.told.get("MaximumPacketSize")
    if not isinstance(most, int):
        advice = "Set one (of RabbitMQ: mqtt.max_packet_size_authenticated)."
        yield warning(subject, "it has no limit.", advice)
    elif most < activity.MAX_BYTES + _HEAD_BYTES:
        meaning = (
            f"{most} bytes: an activity of {activity.MAX_BYTES // 1024} KiB ends its connection."
        )
        yield fault(
            subject, meaning, "Set it to 131072 or more (mqtt.max_packet_size_authenticated)."
        )
    elif most > _WIDE_BYTES:
        meaning = f"{most // 2**20} MiB: one client can take much of the memory."
        yield warning(subject, meaning, "Set mqtt.max_packet_size_authenticated = 131072.")
    elif most < presence.MAX_BYTES:
        meaning = f"{most // 1024} KiB: a worker with some hundred builds at once does not fit."
        yield ok(subject, meaning)
    else:
        yield ok(subject, f"{most // 1024} KiB.")


def _session_time(address: Address, prefix: str, user: str) -> Iterator[Finding]:
    subject = f"time of a session of {user}"
    client_id = f"{prefix}{secrets.token_hex(4)}"
    with MqttSession(address, client_id, V5, session_seconds=_WEEK) as session:
        told = session.told.get("SessionExpiryInterval", _WEEK)
        if not session.accepted:
            return
        if isinstance(told, int) and told < _WEEK:
            meaning = f"it is kept for {told / 3600:g} h: who is away for longer misses builds."
            advice = f"Set mqtt.max_session_expiry_interval_seconds = {_WEEK}."
            yield warning(subject, meaning, advice)


def _strangers(address: Address) -> Iterator[Finding]:
    """Yield whether somebody without a login, or with one that everybody knows, gets in."""
    known = {"nobody (no login)": (None, None), "guest": ("guest", "guest")}
    for who, (user, password) in known.items():
        subject = f"strangers as {who}"
        if address.user == user:
            continue
        stranger = msgspec.structs.replace(address, user=user, password=password)
        try:
            session, _ = opened(stranger, f"doctor-{secrets.token_hex(4)}")
        except Unreachable:  # RabbitMQ 3.10 just drops who has no login
            yield ok(subject, "refused.")
            continue
        with session:
            if session.accepted:
                advice = "Set mqtt.allow_anonymous = false, and delete the user guest."
                yield fault(subject, "let in: everybody who reaches the port.", advice)
            else:
                yield ok(subject, "refused.")


def _place(url: str) -> str:
    """Return a URL without its login."""
    parts = urlsplit(url)
    path = quote(unquote(parts.path)) if parts.path not in ("", "/") else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"
