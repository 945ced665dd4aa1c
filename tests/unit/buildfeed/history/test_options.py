"""What the recorder's command takes and refuses, and how much a recorder holds."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from buildfeed.broker.mqtt.link import Message
from buildfeed.broker.options import amqp_url, log_level, mqtt_url
from buildfeed.history.__main__ import main
from buildfeed.history.options import data_dir, database_url, keep
from buildfeed.history.recorder import MAX_WAITING, Recorder
from buildfeed.history.store import Store


@click.command
@mqtt_url
@amqp_url
@database_url
@keep
@log_level
def told(**options: str | float | None) -> None:
    """Print every option."""
    click.echo("\n".join(f"{name}: {value}" for name, value in sorted(options.items())))
    click.echo(f"data_dir(): {data_dir()}")


def test_the_defaults_are_those_of_one_machine() -> None:
    assert CliRunner().invoke(told).output.splitlines() == [
        "abandon_after: 600.0",
        "amqp_url: None",
        "database_url: sqlite:///.buildfeed/history.db",
        "keep_builds: 10000",
        "keep_days: 90",
        "keep_log_mib: 16",
        "keep_logs_gib: 10.0",
        "log_level: info",
        "mqtt_url: mqtt://127.0.0.1:1883",
        "data_dir(): .buildfeed",
    ]


def test_every_option_is_an_environment_variable() -> None:
    environment = {
        "BUILDFEED_MQTT_URL": "mqtts://u:p@broker",
        "BUILDFEED_AMQP_URL": "amqp://u:p@broker:5673/vhost",
        "BUILDFEED_DATABASE_URL": "postgresql://u:p@host/name",
        "BUILDFEED_DATA_DIR": "/var/lib/x",
        "BUILDFEED_ABANDON_AFTER": "60",
        "BUILDFEED_KEEP_BUILDS": "100",
        "BUILDFEED_KEEP_DAYS": "0",
        "BUILDFEED_KEEP_LOG_MIB": "4",
        "BUILDFEED_KEEP_LOGS_GIB": "0.5",
        "BUILDFEED_LOG_LEVEL": "DEBUG",
    }
    assert CliRunner().invoke(told, env=environment).output.splitlines() == [
        "abandon_after: 60.0",
        "amqp_url: amqp://u:p@broker:5673/vhost",
        "database_url: postgresql+psycopg://u:p@host/name",
        "keep_builds: 100",
        "keep_days: 0",
        "keep_log_mib: 4",
        "keep_logs_gib: 0.5",
        "log_level: debug",
        "mqtt_url: mqtts://u:p@broker",
        "data_dir(): /var/lib/x",
    ]


@pytest.mark.parametrize(("seconds", "status"), [("0", 0), ("0.5", 2), ("29", 2), ("30", 0)])
def test_a_build_is_not_abandoned_between_two_presences(seconds: str, status: int) -> None:
    result = CliRunner().invoke(told, ["--abandon-after", seconds])
    assert result.exit_code == status
    assert ("30 at least, or 0 for never." in result.output) == bool(status)


def test_the_database_is_in_the_data_folder_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c%20#d"
    output = CliRunner().invoke(told, ["--data-dir", str(folder)]).output
    (url,) = re.findall(r"^database_url: (.*)$", output, re.MULTILINE)
    Store(url).position()
    assert (folder / "history.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--mqtt-url", "127.0.0.1:1883"],
        ["--mqtt-url", "amqp://secret@127.0.0.1"],
        ["--mqtt-url", "mqtt://"],
        ["--mqtt-url", "mqtt://u:secret@host:port"],
        ["--amqp-url", "mqtt://u:secret@host"],
        ["--database-url", "u:secret@nonsense"],
        ["--log-level", "loud"],
        ["--keep-days", "-1"],
        ["--keep-builds", "many"],
    ],
)
def test_what_cannot_be_is_refused_without_the_password(arguments: list[str]) -> None:
    result = CliRunner().invoke(told, arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.output
    assert "secret" not in result.output


@pytest.mark.parametrize("file", ["a?b.db", "a?b=c.db", "a.db?timeout=5&x=1"])
def test_a_path_that_would_be_cut_short_is_refused(file: str) -> None:
    result = CliRunner().invoke(told, ["--database-url", f"sqlite:///{file}"])
    assert result.exit_code == 2
    assert "a ? in the path of a file is written %3F." in result.output
    right = f"sqlite:///{file.replace('?', '%3F')}"
    assert CliRunner().invoke(told, ["--database-url", right]).exit_code == 0


def test_a_data_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(told, ["--data-dir", f"{tmp_path}/\udcff"])
    assert result.exit_code == 2
    assert "is no text: choose another." in result.output


def test_a_path_that_sqlite_would_not_open_is_refused() -> None:
    long = "/".join(["x" * 100] * 5)
    for option in (["--data-dir", long], ["--database-url", f"sqlite:///{long}/a.db"]):
        result = CliRunner().invoke(told, option)
        assert result.exit_code == 2
        assert "too long for SQLite: 500 bytes at most" in result.output


@pytest.mark.parametrize("recorder_id", ["", "archive", "recorder/2", "Recorder", "recorder 2"])
def test_a_recorder_whose_session_would_not_be_kept_whole_is_refused(recorder_id: str) -> None:
    result = CliRunner().invoke(main, ["--recorder-id", recorder_id])
    assert result.exit_code == 2
    assert "--recorder-id" in result.output


@pytest.fixture
def restored_logging() -> Iterator[None]:
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("oracle9://u:secret@host/name", "is no database of ours"),
        ("mysql://u:secret@host/name", "is no database of ours"),
        ("postgresql+asyncpg://u:secret@host/name", "is no database of ours"),
        ("sqlite+aiosqlite:///secret.db", "is no database of ours"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_database_that_is_of_no_use_is_refused(url: str, reason: str) -> None:
    result = CliRunner().invoke(main, ["--database-url", url])
    assert result.exit_code == 2
    assert reason in result.output
    assert "secret" not in result.output


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_database_gets_the_driver_that_we_have(scheme: str) -> None:
    url = f"{scheme}://u:p%40ss@[::1]:5432/name?sslmode=require"
    result = CliRunner().invoke(told, ["--database-url", url])
    assert "database_url: postgresql+psycopg://u:p%40ss@[::1]:5432/name?sslmode=require" in (
        result.output
    )


@pytest.mark.parametrize(
    ("option", "url", "reason"),
    [
        ("--mqtt-url", "mqtt://h/topic", "its path means nothing"),
        ("--mqtt-url", "mqtt://h?keepalive=5", "its query means nothing"),
        ("--mqtt-url", "mqtt://u:p#ss@h", "write / as %2F, # as %23"),
        ("--mqtt-url", "mqtt://a b", "it is not mqtt://"),
        ("--mqtt-url", "amqp://h", "it is not mqtt://"),
        ("--amqp-url", "amqp://h/?heartbaet=3", "its query 'heartbaet' means nothing"),
        ("--amqp-url", "amqp://h/?heartbeat=soon", "its query 'heartbeat' means nothing"),
        ("--amqp-url", "amqp://h/v#x", "its part behind # means nothing"),
    ],
)
def test_what_of_a_url_would_be_ignored_is_refused(option: str, url: str, reason: str) -> None:
    result = CliRunner().invoke(told, [option, url])
    assert result.exit_code == 2
    assert reason in result.output


@pytest.mark.parametrize(
    ("option", "url"),
    [
        ("--mqtt-url", "mqtt://u:p@[::1]:1883/"),
        ("--amqp-url", "amqp://u:p@[::1]:5672/%2F?heartbeat=10&retry_delay=0.5"),
    ],
)
def test_a_url_may_have_an_address_of_ipv6(option: str, url: str) -> None:
    assert (
        f"{option[2:].replace('-', '_')}: {url}" in CliRunner().invoke(told, [option, url]).output
    )


def test_what_waits_is_bounded_by_dropping_progress_and_logs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(f"sqlite:///{tmp_path}/history.db")
    recorder = Recorder(store, "mqtt://127.0.0.1", recorder_id=None)
    full = [("progress", 0)] * MAX_WAITING
    for kind, qos in (*full, ("progress", 0), ("log", 1), ("status", 1)):
        topic = f"builds/a/b/{kind}"
        recorder._receive(Message(topic, b"", qos, retain=False, packet_id=0, connection=0))
    assert recorder._arrived.qsize() == MAX_WAITING + 1
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "recorder.dropped")
