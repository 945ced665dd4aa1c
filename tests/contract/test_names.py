"""A name of a worker, an id of a recorder: one process at a time has it, on every broker."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pika
import pytest

from buildfeed.broker.amqp.topology import assert_topology
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from buildfeed.presence import Presence
from buildfeed.topics import recorder_status
from buildfeed.worker import own_name
from support.brokers import Broker, RabbitMQ
from support.peers import Connect
from support.service import Service
from support.workshop import LONG, Watcher, start, stop, until

Start = Callable[..., Service]


@pytest.fixture
def run(broker: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start a worker or a recorder at the broker: `run("fakebuild", name="w1")`.

    Each recorder has a folder of its own: two in one folder are told apart by a lock.
    """
    options: dict[str, Any] = {"mqtt_url": broker.url}
    if isinstance(broker, RabbitMQ):
        server: PrivateRabbitMQ = request.getfixturevalue("rabbitmq")
        options["amqp_url"] = server.amqp_url
        with pika.BlockingConnection(pika.URLParameters(server.amqp_url)) as connection:
            assert_topology(connection.channel())
    folders = count()
    with ExitStack() as stack:

        def start(command: str, **own: Any) -> Service:
            folder = tmp_path / str(next(folders)) if command == "recorder" else tmp_path
            folder.mkdir(exist_ok=True)
            return stack.enter_context(Service(command, folder, **options, **own))

        yield start


async def ended(service: Service, seconds: float = 15) -> int:
    """Return the exit status of a service once it has ended by itself."""
    process = service._process
    assert process
    await until(lambda: process.poll() is not None, seconds)
    return process.returncode


async def logged(service: Service, text: str) -> None:
    await asyncio.to_thread(service.until_logged, text)


async def test_the_second_worker_of_a_name_says_so_and_ends(
    broker: Broker, run: Start, root: str
) -> None:
    build = start(script=LONG)
    async with Watcher(broker.url) as watcher:
        first = run("fakebuild", name=root, drain_seconds=0)
        await logged(first, "worker.ready")
        while not watcher.running(build):  # ready, it may not have subscribed to starts yet
            await watcher.send(build)
            with suppress(AssertionError):
                await until(lambda: watcher.running(build), 2)
        await until(lambda: watcher.busy(root))
        said: list[Presence] = []
        watcher.on_presence = said.append
        second = run("fakebuild", name=root)
        assert await ended(second) == 1
        (sentence,) = re.findall("^Error: (.*)", second.text, re.MULTILINE)
        assert sentence == (
            f"The name {root} is taken: another worker has it. Give this one another: --name."
        )
        assert "Traceback" not in second.text
        assert all(each.status == "online" for each in said if each.worker == root)
        assert all(len(each.builds) == 1 for each in said if each.worker == root)
        await watcher.send(stop(watcher.of(build)[0]))
        await watcher.until_ended(build)
        first.stop()
        await until(lambda: watcher.presences[root].status == "offline")


async def test_of_several_workers_that_come_at_once_one_stays(run: Start, root: str) -> None:
    several = [run("fakebuild", name=root) for _ in range(3)]
    await until(lambda: sum(each._process.poll() is None for each in several) == 1, 20)  # type: ignore[union-attr]
    (one,) = [each for each in several if each._process and each._process.poll() is None]
    await logged(one, "worker.ready")
    assert [await ended(each) for each in several if each is not one] == [1, 1]


async def test_a_worker_that_was_killed_comes_back_under_its_name_at_once(
    run: Start, root: str
) -> None:
    first = run("fakebuild", name=root)
    await logged(first, "worker.ready")
    first.kill()
    began = asyncio.get_running_loop().time()
    await logged(run("fakebuild", name=root), "worker.ready")
    assert asyncio.get_running_loop().time() - began < own_name._DOUBT_SECONDS / 2


async def test_a_worker_that_is_said_to_be_gone_says_that_it_is_not(
    broker: Broker, run: Start, root: str
) -> None:
    async with Watcher(broker.url) as watcher:
        await logged(run("fakebuild", name=root), "worker.ready")
        await until(lambda: root in watcher.presences)
        for instance in ("", "somebody"):
            watcher.presences.pop(root, None)
            await watcher.send_presence(Presence(root, "offline", instance=instance))
            await until(lambda: root in watcher.presences)
            await until(lambda: watcher.presences[root].status == "online", 5)


async def test_of_two_workers_whose_network_was_cut_in_two_one_ends(
    broker: Broker, run: Start, root: str, connect: Connect
) -> None:
    first = run("fakebuild", name=root)
    await logged(first, "worker.ready")
    other = Presence(root, "online", instance="")  # it would have come back with the network
    publisher = connect(broker.url)
    publisher.link.publish(other.topic, b'{"worker":"%s","status":"online"}' % root.encode(), qos=1)
    assert await ended(first) == 1
    assert "is taken" in first.text


async def test_the_second_recorder_of_an_id_says_so_and_ends(
    broker: Broker, run: Start, root: str, connect: Connect
) -> None:
    id_ = f"recorder-{root}"
    watcher = connect(broker.url, subscriptions=[(recorder_status(id_), 1)])
    first = run("recorder", recorder_id=id_)
    await logged(first, "recorder.ready")
    second = run("recorder", recorder_id=id_)
    assert await ended(second) == 1
    assert f"The name {id_} is taken: another recorder has it." in second.text
    assert "Traceback" not in second.text
    assert "mqtt.down" not in first.text  # nothing was taken from it
    assert all(b"online" in payload for payload in watcher.payloads)
    first.kill()
    await logged(run("recorder", recorder_id=id_), "recorder.ready")


async def test_of_several_recorders_that_come_at_once_one_stays(run: Start, root: str) -> None:
    several = [run("recorder", recorder_id=f"recorder-{root}") for _ in range(3)]
    await until(lambda: sum(each._process.poll() is None for each in several) == 1, 20)  # type: ignore[union-attr]
    (one,) = [each for each in several if each._process and each._process.poll() is None]
    await logged(one, "recorder.ready")
    # On a busy machine another may have had the session for a moment.
    await until(lambda: one.text.rfind("mqtt.up") > one.text.rfind("mqtt.down"))
