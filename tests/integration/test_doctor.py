"""`buildfeed doctor` on a real RabbitMQ: it names each fault, and none where there is none."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from click.testing import Result

from buildfeed.broker.amqp.stream import assert_stream
from buildfeed.broker.amqp.topology import (
    BUILDS,
    BUILDS_DEAD,
    BUILDS_HIGH,
    START_EXCHANGE,
    TOPIC_EXCHANGE,
    assert_topology,
)
from support.compose_rabbitmq import Session
from support.managed_rabbitmq import USERS, Patient, lines
from support.service import until

ANY = ".*"
FAULTS = {
    "a reader publishes": r"publishing as mobile: it may publish on builds/.*/error, ",
    "a worker does not": r"publishing as worker: it may not publish on builds/.*/status\.",
    "dots reach other projects": r"topics of gateway in foreign projects: .*RabbitMQ reads \. as /",
    "names of any length": r"long topics of gateway: .* ends every AMQP consumer",
    "a reader takes over sessions": r"queues of mobile: it may .*session recorder-doctor",
    "a recorder does not hear": r"subscribing as recorder: refused: builds/#",
    "a filter with a dot": r"subscribing as ada: granted: .*doctor-check\.secret/#, though",
    "sessions have no limit": r"policy for MQTT sessions: .* memory and disk fill up",
    "starts expire": r"policies for the queues of builds: builds has message-ttl: starts get lost",
    "any number of queues": r"number of queues: .* no limit",
    "builds begin again": r"consumer_timeout: a worker may take 0\.5 h",
    "guest gets in": r"strangers as guest: let in",
    "activities do not fit": r"size of a message: an activity of 64 KiB is refused",
    "a queue of another kind": r"queue builds\.dead: it is of the type classic",
    "its arguments": r"queue builds\.dead: it has other arguments",
    "starts arrive nowhere": r"way of a start: amq\.topic is not bound to builds\.start",
}
SMALL_PACKETS = r"^size of an MQTT packet"
"""A fault of the same settings, where RabbitMQ tells them (from 4.0 on)."""


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    yield from running(Patient(tmp_path_factory.mktemp("healthy")))


@pytest.fixture(scope="module")
def ill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    patient = Patient(tmp_path_factory.mktemp("ill"))
    spoil(patient)
    for started in running(patient):
        spoil_queues(started)
        yield started


@pytest.fixture(scope="module")
def said_of_ill(ill: Patient) -> Result:
    return ill.examined(*USERS, "ada")


def running(patient: Patient) -> Iterator[Patient]:
    patient.server.start()
    until(patient.knows_its_node, "the management API knows its node", 60)
    with patient.broker.channel("operator") as channel:
        assert_topology(channel)
        assert_stream(channel.connection)
    yield patient
    patient.server.kill()
    patient.server.stop()


def spoil(patient: Patient) -> None:
    """Make the faults that are in files."""
    definitions = patient.defined()
    permissions = {each["user"]: each for each in definitions["permissions"]}
    topics = {each["user"]: each for each in definitions["topic_permissions"]}
    permissions["mobile"]["configure"] = r"^mqtt-subscription-[A-Za-z0-9._:-]{1,64}qos[01]\z"
    permissions["mobile"]["write"] = r"^(amq\.topic|mqtt-subscription-[A-Za-z0-9._:-]+qos[01])\z"
    topics["mobile"]["write"] = r"^builds\.[a-z0-9_-]+\.[a-z0-9_-]+\.(status|progress|error|log)$"
    topics["worker"]["write"] = topics["worker"]["write"].replace("status|progress", "progress")
    topics["gateway"]["write"] = r"^(builds\..+\.(start|stop)|gateways\.[0-9a-f]{16}\.probe)\z"
    topics["recorder"]["read"] = r"^recorders\."
    for each in definitions["policies"]:
        each["pattern"] = "^mqtt-sessions-"
    short = {"name": "short", "pattern": "^builds$", "definition": {"message-ttl": 60_000}}
    definitions["policies"].append({"vhost": "/", "apply-to": "queues", "priority": 0, **short})
    definitions["parameters"] = []
    everything = {"vhost": "/", "configure": ANY, "write": ANY, "read": ANY}
    definitions["users"] = [
        {"name": name, "password": name, "tags": []} for name in ("guest", "ada")
    ]
    definitions["permissions"] += [{"user": name, **everything} for name in ("guest", "ada")]
    one_project = {"exchange": TOPIC_EXCHANGE, "write": "^$", "read": r"^builds\.[a-z*-]+\.[^#].*"}
    definitions["topic_permissions"].append({"user": "ada", "vhost": "/", **one_project})
    patient.define(definitions)
    settings = patient.settings.read_text()
    settings = re.sub(r"(?m)^consumer_timeout = .*$", "consumer_timeout = 1800000", settings)
    # RabbitMQ 4.3 does not boot when a packet of MQTT may be larger than a message (SMALL_PACKETS).
    size = r"(?m)^(mqtt.max_packet_size_authenticated|max_message_size) = .*$"
    settings = re.sub(size, r"\1 = 32768", settings)
    settings = settings.replace("loopback_users.guest = true", "loopback_users.guest = false")
    patient.settings.write_text(settings)


def spoil_queues(patient: Patient) -> None:
    """Make the faults that the broker itself knows."""
    with patient.broker.channel("operator") as channel:
        channel.queue_delete(BUILDS_DEAD)
        channel.queue_declare(BUILDS_DEAD, durable=True)
    patient.delete_binding(TOPIC_EXCHANGE, START_EXCHANGE)


def test_it_names_no_fault_on_our_own_configuration(healthy: Patient) -> None:
    result = healthy.examined()
    assert lines(result, "fault") == []
    assert result.exit_code == 0, result.output
    assert len(lines(result, "ok")) > 25


def test_it_leaves_nothing_behind_takes_nothing_and_publishes_nothing(healthy: Patient) -> None:
    port = healthy.server.mqtt_port
    with closing(Session(port, "mobile", "ear", password="mobile")) as ear:
        assert all(map(ear.subscribe, ("builds/#", "workers/#", "projects/#")))
        before = state(healthy)
        healthy.examined()
        assert healthy.broker.server.alive
        assert state(healthy) == before
        assert ear.received == []


@pytest.mark.parametrize("name", FAULTS)
def test_it_names_a_fault(name: str, said_of_ill: Result) -> None:
    found = [line for line in lines(said_of_ill, "fault") if re.search(FAULTS[name], line)]
    assert len(found) == 1, said_of_ill.output


def test_every_fault_is_one_that_was_made(said_of_ill: Result) -> None:
    found = lines(said_of_ill, "fault")
    made = [*FAULTS.values(), SMALL_PACKETS]
    assert [line for line in found if not any(re.search(each, line) for each in made)] == []
    assert said_of_ill.exit_code == 1


def test_nothing_was_published_where_somebody_may(ill: Patient, said_of_ill: Result) -> None:
    with ill.broker.channel("operator") as channel:
        counts = [
            channel.queue_declare(queue, passive=True).method.message_count
            for queue in (BUILDS, BUILDS_HIGH, BUILDS_DEAD)
        ]
    assert counts == [0, 0, 0]


def test_a_broker_that_is_short_of_memory(
    healthy: Patient, eventually: Callable[[Callable[[], object]], None]
) -> None:
    before = healthy.server.ctl("eval", "vm_memory_monitor:get_vm_memory_high_watermark().")
    healthy.server.ctl("set_vm_memory_high_watermark", "0.0001")
    try:
        result = healthy.examined("mobile")
    finally:
        healthy.server.ctl("set_vm_memory_high_watermark", before.strip())
        nodes = lambda: healthy.manage("GET", "nodes").json()  # noqa: E731
        eventually(lambda: not any(node["mem_alarm"] for node in nodes()))
    found = lines(result, "fault")
    assert any("it is short of memory" in line for line in found), result.output
    assert any(line.startswith("AMQP as gateway: ") for line in found), result.output


def test_a_user_who_is_refused(healthy: Patient) -> None:
    mqtt, amqp = lines(healthy.examined("nobody"), "fault")
    assert re.match(r"MQTT as nobody: mqtt://.* refuses: ", mqtt)
    assert re.match(r"AMQP as nobody: amqp://.*: .*ACCESS_REFUSED", amqp)


def test_a_password_is_in_no_line(healthy: Patient) -> None:
    result = healthy.examined("gateway")
    assert ":gateway@" not in result.output
    assert "operator:" not in result.output


def state(patient: Patient) -> tuple[list[str], list[int]]:
    """Return the queues, and how many messages those of builds have."""
    names = [each["name"] for each in patient.manage("GET", "queues/%2F").json()]
    with patient.broker.channel("operator") as channel:
        counts = [
            channel.queue_declare(queue, passive=True).method.message_count
            for queue in (BUILDS, BUILDS_HIGH, BUILDS_DEAD)
        ]
    return sorted(names), counts
