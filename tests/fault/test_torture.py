"""Twenty viewers in five ways under random faults: none misses an ending or ends with a wrong
picture.

`make test` runs it short and leaves the broker alone; `make torture` (SEED=) takes ten minutes or
more.
"""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from buildfeed.activity import Key
from support.fleet import Fleet
from support.load import Load
from support.proxy import Proxy
from support.rabbitmq import ControlledRabbitMQ
from support.service import until
from support.torture import Torture, watching
from support.verdict import Verdict, confirmed, table
from support.viewers import (
    AmqpViewer,
    EventStreamViewer,
    HistoryViewer,
    MqttViewer,
    Place,
    SocketViewer,
    Viewer,
)
from support.virtual_host import VirtualHost

PROCESSES = 2
PROJECTS = ("p0", "p1")
STARTS_A_SECOND = 2.0


@pytest.fixture
def broker(rabbitmq: ControlledRabbitMQ) -> VirtualHost:
    """A part of that of all tests: workers of others would take its builds, and it theirs."""
    return VirtualHost(rabbitmq, "torture")


@pytest.mark.timeout(3600)
def test_no_viewer_misses_an_ending(
    broker: VirtualHost,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    faults, seed = pytestconfig.getoption("faults"), pytestconfig.getoption("seed")
    with ExitStack() as stack:
        mqtt, amqp = (
            stack.enter_context(Proxy(port)) for port in (broker.mqtt_port, broker.amqp_port)
        )
        behind = {
            "mqtt_url": broker.mqtt_url.replace(str(broker.mqtt_port), str(mqtt.port)),
            "amqp_url": broker.amqp_url.replace(str(broker.amqp_port), str(amqp.port)),
            "workers": PROCESSES,
        }
        fleet = stack.enter_context(Fleet.on(broker, tmp_path, **behind))
        web = stack.enter_context(Proxy(int(fleet.gateway.options["port"])))
        viewers = seated(fleet, f"http://127.0.0.1:{web.port}", tmp_path)
        stack.enter_context(watching(viewers))
        networks = {"gateway": [mqtt, amqp], "viewers": [web]}
        torture = Torture(fleet, viewers, networks, seed)
        if pytestconfig.getoption("torture"):
            torture.strike_broker_too()
        people = Load(fleet.gateway, seed, count=10**6, rate=STARTS_A_SECOND, projects=PROJECTS)
        with people:
            torture.strike(faults)
        ghosts = fleet.until_ended(people.started, 120)
        verdicts = settle(fleet, viewers, tmp_path)

    with capsys.disabled():
        sys.stdout.write(f"\nseed {seed}, {faults} faults, {len(people.started)} builds\n")
        sys.stdout.write(f"queued for ever, though nobody was told 202: {ghosts}\n")
        sys.stdout.write(table(verdicts, torture.healed) + "\n")
    assert torture.never_healed == []
    assert [each.viewer.way for each in verdicts if not each.good] == []


def seated(fleet: Fleet, far: str, directory: Path) -> list[Viewer]:
    """Twenty viewers; half of those of the gateway come through the network `far`."""
    near, mqtt_url = fleet.gateway.url, fleet.broker.mqtt_url
    watched = (None, *PROJECTS)
    return [
        *(SocketViewer(url, project) for url in (near, far) for project in watched),
        *(SocketViewer(url) for url in (near, far)),
        *(EventStreamViewer(url, project) for url in (near, far) for project in watched),
        EventStreamViewer(far),
        *(MqttViewer(mqtt_url, project) for project in watched),
        AmqpViewer(fleet.broker.amqp_url),
        HistoryViewer(f"sqlite:///{directory}/history.db"),
    ]


def settle(fleet: Fleet, viewers: list[Viewer], directory: Path) -> list[Verdict]:
    """The verdict on each viewer, once all pictures are right or nothing changes any more."""
    journal = confirmed(log.read_text() for log in directory.glob("fakebuild-*.log"))
    assert journal

    def judge() -> list[Verdict]:
        history = truth(fleet)
        return [Verdict(viewer, journal, history) for viewer in viewers]

    try:
        until(lambda: all(verdict.good for verdict in judge()), "all pictures are right")
    except AssertionError:
        return judge()
    return judge()


def truth(fleet: Fleet) -> dict[Key, Place]:
    """What the history of these projects comes to."""
    builds = (state.newest.object for state in fleet.states())
    return {
        build.key: (build.status, build.attempt, build.seq)
        for build in builds
        if build.project in PROJECTS
    }
