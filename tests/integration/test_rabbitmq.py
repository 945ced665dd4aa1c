"""The private RabbitMQ: starts, survives, leaves nothing behind."""

import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pika
import pytest

from buildfeed.broker.local import ports
from buildfeed.broker.local import rabbitmq as module
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ, RabbitMQFailed, RabbitMQMissing
from buildfeed.machine import marked
from support.rabbitmq import ControlledRabbitMQ, stored
from support.service import until

Make = Callable[[], PrivateRabbitMQ]

START_AND_WAIT = """
import sys, time
from pathlib import Path
from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
ports._FIRST, ports._LAST = map(int, sys.argv[2:])
broker = PrivateRabbitMQ(Path(sys.argv[1]))
broker.start()
print(broker.amqp_url, flush=True)
time.sleep(60)
"""

ODD = 'C# o\'neil "x" %41 é{*}?[ \\\n' + 150 * "x"
"""The name of a folder in which every letter means something to a shell, Erlang or RabbitMQ."""

START_AND_EXIT = """
import sys
from pathlib import Path
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
broker = PrivateRabbitMQ(Path(sys.argv[1]))
broker._wait = lambda deadline: None
broker.start()
sys.exit(3)
"""


def processes(broker: PrivateRabbitMQ) -> list[int]:
    return list(marked.processes(broker.mark))


def in_the_queue(broker: PrivateRabbitMQ) -> int:
    with pika.BlockingConnection(pika.URLParameters(broker.amqp_url)) as connection:
        channel = connection.channel()
        return channel.queue_declare("kept", durable=True).method.message_count


def test_without_rabbitmq_it_says_how_to_install_it(
    private_rabbitmq: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "BIN", tmp_path)
    with pytest.raises(RabbitMQMissing, match="apt-get install rabbitmq-server"):
        private_rabbitmq().start()


def test_a_port_in_use_is_named(private_rabbitmq: Make, free_port: Callable[[], int]) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        broker = private_rabbitmq()
        broker._instance = broker._instance.at(port - 1)
        with pytest.raises(RabbitMQFailed, match=f"port {port} \\(mqtt\\) is in use"):
            broker.start()


def test_a_failed_start_shows_why_and_leaves_nothing_behind(private_rabbitmq: Make) -> None:
    broker = private_rabbitmq()
    broker._instance = UnknownSetting(broker._instance.directory)
    with pytest.raises(RabbitMQFailed, match="nonsense") as failed:
        broker.start()
    assert "ended while it started" in failed.value.reason
    assert not processes(broker)


class UnknownSetting(module.Instance):
    """What a version of RabbitMQ would see that has dropped one of our settings."""

    def _settings(self, version: tuple[int, int], secret: str) -> str:
        return super()._settings(version, secret) + "nonsense = 1\n"


def test_a_start_that_takes_too_long_leaves_nothing_behind(
    private_rabbitmq: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_START_SECONDS", 1)
    broker = private_rabbitmq()
    with pytest.raises(RabbitMQFailed, match="did not start in time"):
        broker.start()
    assert not processes(broker)


def test_a_block_of_ports_stays_the_same_until_one_of_them_is_taken() -> None:
    block = ports.free_block(10, 1)
    assert block
    assert ports.free_block(10, 1) == block
    with socket.create_server(("127.0.0.1", block + 3)):
        other = ports.free_block(10, 1)
    assert other
    assert other >= block + 10
    assert other + 10 < 32_768


def test_it_listens_on_loopback_only(rabbitmq: PrivateRabbitMQ) -> None:
    ours = {f"{port:04X}" for port in rabbitmq._instance.ports.values()}
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    found = {port: address for address, port in (each.split(":") for each in listening)}
    assert {found.get(port) for port in ours} == {"0100007F"}


def test_its_password_is_private_and_needed(rabbitmq: PrivateRabbitMQ) -> None:
    file = rabbitmq._instance.directory / "password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    guest = rabbitmq.amqp_url.replace(f"{rabbitmq.user}:{rabbitmq.password}", "guest:guest")
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        pika.BlockingConnection(pika.URLParameters(guest))


def test_it_has_our_settings(rabbitmq: ControlledRabbitMQ) -> None:
    environment = rabbitmq.ctl("environment")
    assert "{consumer_timeout,86400000}" in environment
    assert "{allow_anonymous,false}" in environment
    assert "{prefetch,1000}" in environment
    assert "{subscription_ttl,604800000}" in environment or "604800" in environment


def test_a_running_one_is_not_taken_over(rabbitmq: PrivateRabbitMQ) -> None:
    other = PrivateRabbitMQ(rabbitmq._instance.directory)
    with pytest.raises(RabbitMQFailed, match="another process"):
        other.start()
    other.stop()
    assert in_the_queue(rabbitmq) == 0


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", START_AND_EXIT, tmp_path], check=False)
    assert done.returncode == 3
    assert not processes(PrivateRabbitMQ(tmp_path))


def test_a_crashed_run_is_ended_and_its_data_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    broker = PrivateRabbitMQ(folder)
    same_ports = str(ports._FIRST), str(ports._LAST)
    command = [sys.executable, "-c", START_AND_WAIT, folder, *same_ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as crashed:
        assert crashed.stdout
        url = crashed.stdout.readline().decode().strip()
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.queue_declare("kept", durable=True)
            until(lambda: stored(broker, "kept"), "the queue is stored")
            channel.basic_publish("", "kept", b"", pika.BasicProperties(delivery_mode=2))
        crashed.kill()
    leftovers = processes(broker)
    assert leftovers

    broker.start()
    assert not set(leftovers) & set(processes(broker))
    assert broker.amqp_url == url
    until(lambda: in_the_queue(broker) == 1, "the message is there again")

    began = time.monotonic()
    broker.stop()
    assert time.monotonic() - began < 8  # of which the management plugin of 3.10 waits for 5
    assert not processes(broker)
