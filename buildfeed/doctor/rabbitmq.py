"""RabbitMQ, as its management API tells it: nodes, plugins, policies, limits, queues, users."""

from collections.abc import Iterator
from typing import Any, Final

from buildfeed.broker.amqp.stream import STREAM
from buildfeed.broker.amqp.topology import (
    BUILDS,
    BUILDS_DEAD,
    BUILDS_HIGH,
    START_EXCHANGE,
    TOPIC_EXCHANGE,
)
from buildfeed.doctor import clocks, configuration, policies, roles, versions
from buildfeed.doctor.finding import Finding, fault, ok, warning
from buildfeed.doctor.management import Management

_NEEDED_PLUGINS: Final = ("rabbitmq_mqtt",)
_FEW_DESCRIPTORS: Final = 4096
_RECORDERS: Final = "mqtt-subscription-recorder"
_SERVICES: Final = "mqtt-subscription-gateway", _RECORDERS
_FAST: Final = 100
_WEEK_MS: Final = 7 * 24 * 3600 * 1000
_STARTS: Final = TOPIC_EXCHANGE, START_EXCHANGE


def findings(management: Management) -> Iterator[Finding]:
    """Yield what the management API tells; raises Unreachable."""
    answer = management.ask("overview")
    overview = answer.json()
    yield versions.verdict(str(overview.get("rabbitmq_version", "")))
    if answer.time:
        yield clocks.verdict("RabbitMQ", answer.time, answer.asked, answer.answered)
    for node in management.rows("nodes"):
        yield from _node(node)
    yield from _of_policies(management)
    yield from _queues(management)
    yield _bindings(management)
    yield from _sessions(management)
    yield from _users(management)


def _node(node: dict[str, Any]) -> Iterator[Finding]:
    name = str(node.get("name", ""))
    subject = f"node {name}"
    if not node.get("running"):
        yield fault(subject, "it does not run.", "Start it, or let the cluster forget it.")
        return
    if node.get("partitions"):
        yield fault(subject, "the cluster is partitioned.", "Restart the smaller part.")
    alarms = [what for what in ("mem", "disk_free") if node.get(f"{what}_alarm")]
    if alarms:
        short = " and ".join({"mem": "memory", "disk_free": "disk"}[each] for each in alarms)
        meaning = f"it is short of {short}, and takes nothing from publishers."
        yield fault(subject, meaning, "Give it more, or delete sessions and queues.")
    elif int(node.get("fd_total") or _FEW_DESCRIPTORS) < _FEW_DESCRIPTORS:
        meaning = f"it has {node['fd_total']} file descriptors: few connections and queues."
        yield warning(subject, meaning, "Raise its limit (ulimit -n) to 65536.")
    else:
        yield ok(subject, "it runs, and is short of nothing.")
    plugins = {str(each) for each in node.get("enabled_plugins", ())}
    missing = [each for each in _NEEDED_PLUGINS if each not in plugins]
    if missing:
        advice = f"rabbitmq-plugins enable {' '.join(missing)}"
        yield fault(f"plugins of {name}", f"{', '.join(missing)} is missing.", advice)
    else:
        yield ok(f"plugins of {name}", f"{', '.join(sorted(plugins))}.")
    files = [str(each) for each in node.get("config_files", ())]
    yield configuration.consumer_timeout(str(node.get("os_pid", "")), files)


def _of_policies(management: Management) -> Iterator[Finding]:
    found = management.rows("policies/{vhost}")
    yield policies.of_sessions(found)
    yield policies.of_starts(found)
    limits = management.rows("vhost-limits/{vhost}")
    value = dict(limits[0].get("value", {})) if limits else {}
    queues = management.rows("queues/{vhost}?columns=name")
    yield policies.of_number(value, len(queues))


def _queues(management: Management) -> Iterator[Finding]:
    columns = "name,type,messages,consumers,arguments,effective_policy_definition"
    rows = management.rows("queues/{vhost}?columns=" + columns)
    found = {str(each.get("name")): each for each in rows}
    missing = [name for name in (BUILDS, BUILDS_HIGH, BUILDS_DEAD) if name not in found]
    if missing:
        meaning = f"{', '.join(missing)} is not there."
        yield warning("queues of builds", meaning, "Start a gateway: it makes them.")
        return
    for name in (BUILDS, BUILDS_HIGH, BUILDS_DEAD):
        if found[name].get("type") != "quorum":
            meaning = f"it is of the type {found[name].get('type')}: gateways cannot work with it."
            advice = "Delete it while no build waits; a gateway makes it anew."
            yield fault(f"queue {name}", meaning, advice)
    if not found[BUILDS].get("consumers"):
        yield warning("workers", "no worker takes starts from RabbitMQ.", "Start one.")
    if dead := found[BUILDS_DEAD].get("messages"):
        meaning = f"{dead} starts were given up."
        yield warning("dead letters", meaning, "Look at them: buildfeed dead list.")
    else:
        yield ok("dead letters", "none.")
    if STREAM not in found:
        advice = "Start a gateway: it makes it; if it does not, its log says why (amqp.no_stream)."
        yield warning("stream", f"{STREAM} is not there: apps cannot replay.", advice)


def _sessions(management: Management) -> Iterator[Finding]:
    """Yield what the sessions of gateways and recorders show of MQTT's settings."""
    for row in management.rows("consumers/{vhost}"):
        name = str(dict(row.get("queue", {})).get("name", ""))
        if name.startswith(_SERVICES) and int(row.get("prefetch_count") or 0) < _FAST:
            meaning = f"{row['prefetch_count']} messages on the way to a gateway or a recorder."
            advice = "Set mqtt.prefetch = 1000: they wait for each other's acknowledgements."
            yield warning("prefetch of MQTT", meaning, advice)
            break
    for row in management.rows("queues/{vhost}?columns=name,arguments"):
        kept = dict(row.get("arguments", {})).get("x-expires")
        if (
            str(row.get("name")).startswith(_RECORDERS)
            and isinstance(kept, int)
            and kept < _WEEK_MS
        ):
            meaning = f"{kept / 3_600_000:g} h: a recorder that is away for longer misses builds."
            advice = "Set mqtt.max_session_expiry_interval_seconds = 604800 (before 3.13: "
            yield warning("time of recorders", meaning, f"{advice}mqtt.subscription_ttl, in ms).")
            break


def _bindings(management: Management) -> Finding:
    subject = "way of a start"
    rows = management.rows("bindings/{vhost}")
    bound = {(str(each.get("source")), str(each.get("destination"))) for each in rows}
    advice = "Restart a gateway: it binds what is missing at every connect."
    if _STARTS not in bound:
        meaning = (
            f"{TOPIC_EXCHANGE} is not bound to {START_EXCHANGE}: starts are confirmed and lost."
        )
        return fault(subject, meaning, advice)
    if not {BUILDS, BUILDS_HIGH} <= {destination for _, destination in bound}:
        return fault(subject, "a queue of builds is not bound: starts get lost.", advice)
    return ok(subject, "bound.")


def _users(management: Management) -> Iterator[Finding]:
    users = [str(each.get("name")) for each in management.rows("users")]
    readers = [name for name in users if (role := roles.of(name)) and role.reads_only]
    yield from policies.of_readers(readers, management.rows("user-limits"))
    if "guest" in users:
        meaning = "the user guest exists, whose password everybody knows."
        yield warning("user guest", meaning, "Delete it: rabbitmqctl delete_user guest.")
