"""`buildfeed doctor` on a broker that speaks MQTT 5: what that tells of limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from buildfeed.cli.doctor import main
from support.brokers import Mosquitto
from support.managed_rabbitmq import lines


@contextmanager
def running(directory: Path, *options: str) -> Iterator[str]:
    broker = Mosquitto(directory, *options)
    broker.start()
    yield broker.url
    broker.stop()


@pytest.mark.parametrize(
    ("size", "level", "said"),
    [
        (50_000, "fault", "size of an MQTT packet: 50000 bytes: an activity of 64 KiB ends"),
        (131_072, "ok", "size of an MQTT packet: 128 KiB: a worker with some hundred builds"),
        (1_000_000, "ok", "size of an MQTT packet: 976 KiB."),
        (100_000_000, "warning", "size of an MQTT packet: 95 MiB: one client can take"),
    ],
)
def test_the_size_of_a_packet(tmp_path: Path, size: int, level: str, said: str) -> None:
    with running(tmp_path, f"max_packet_size {size}") as url:
        result = CliRunner().invoke(main, [f"--mqtt-url={url}"])
    assert any(line.startswith(said) for line in lines(result, level)), result.output
    assert any(line.endswith("lets it in, by MQTT 5.") for line in lines(result, "ok"))
    assert result.exit_code == (level == "fault")


def test_a_wrong_password_is_a_fault_and_in_no_line(tmp_path: Path) -> None:
    with running(tmp_path) as url:
        wrong = url.replace(":password@", ":mistake@")
        result = CliRunner().invoke(main, [f"--mqtt-url={wrong}"])
    assert any("refuses: Not authorized" in line for line in lines(result, "fault"))
    assert "mistake" not in result.output
