"""`buildfeed doctor` on a gateway, its database, and proxies that are set up wrong."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from e2e.conftest import free_block

from buildfeed.cli.doctor import main
from support.managed_rabbitmq import lines
from support.mute_proxy import Mute, MuteProxy
from support.nginx import HOST, NginxLocation
from support.postgresql import PostgreSQL
from support.service import Service, Web

Run = Callable[..., Service]

ADDS = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"


def examined(*options: str) -> Result:
    return CliRunner().invoke(main, options)


def subjects(result: Result, level: str) -> set[str]:
    return {line.partition(": ")[0] for line in lines(result, level)}


@pytest.fixture
def nginx(
    up: Web, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[Callable[[str], NginxLocation]]:
    with ExitStack() as stack:

        def start(directives: str, of: Web = up) -> NginxLocation:
            return stack.enter_context(NginxLocation(tmp_path, free_port(), of.url, directives))

        yield start


def test_an_up_that_runs_here_is_found_and_has_no_fault(up: Web) -> None:
    result = examined(f"--data-dir={up.options['data_dir']}")
    assert lines(result, "fault") == []
    assert result.exit_code == 0, result.output
    found = {"readiness", "live events", "history", "database", "tables of the history"}
    assert found | {"WebSocket", "MQTT as buildfeed"} <= subjects(result, "ok")
    assert {"AMQP", "management of RabbitMQ"} <= subjects(result, "left out")


def test_an_up_with_its_own_rabbitmq_has_no_fault(run: Run) -> None:
    web = run("up", broker="rabbitmq")
    assert isinstance(web, Web)
    web.until_ready()
    result = examined(f"--data-dir={web.options['data_dir']}")
    assert lines(result, "fault") == [], result.output
    assert {"queue builds", "size of a message", "AMQP as buildfeed"} <= subjects(result, "ok")
    assert "publishing as buildfeed" in subjects(result, "warning")  # it may do everything


def test_where_none_runs_it_says_what_to_give(tmp_path: Path) -> None:
    result = examined(f"--data-dir={tmp_path}")
    assert result.exit_code == 2
    assert "No `buildfeed up` runs in" in result.output


def test_the_reader_of_an_up_publishes_nothing(up: Web) -> None:
    password = (Path(str(up.options["data_dir"])) / "mqtt-reader-password").read_text()
    address = f"127.0.0.1:{up.options['mqtt_port']}"
    result = examined(f"--mqtt-url=mqtt://reader:{password}@{address}")
    assert lines(result, "fault") == []
    assert "publishing as reader" in subjects(result, "ok")
    assert "subscribing as reader" in subjects(result, "ok")
    assert password not in result.output


@pytest.mark.parametrize(
    ("directives", "level", "subject"),
    [
        ("", "fault", "host and origin"),
        ("proxy_set_header Host $host;", "fault", "host and origin"),
        (f"{HOST} proxy_http_version 1.0;", "warning", "WebSocket"),
        (f"{HOST} proxy_hide_header Content-Security-Policy;", "fault", "security headers"),
        (HOST, "warning", "addresses of clients"),
        ("return 502;", "fault", "readiness"),
    ],
    ids=["default", "no port", "no upgrade", "hides", "not trusted", "away"],
)
def test_a_proxy_that_is_set_up_wrong(
    nginx: Callable[..., NginxLocation], directives: str, level: str, subject: str
) -> None:
    result = examined(f"--url={nginx(directives).url}")
    assert subject in subjects(result, level), result.output


@pytest.mark.parametrize(
    ("kept", "level", "subject"),
    [("events", "fault", "live events"), ("websocket", "warning", "WebSocket")],
)
def test_a_proxy_that_holds_back(
    up: Web, free_port: Callable[[], int], kept: Mute, level: str, subject: str
) -> None:
    with MuteProxy(free_port(), int(str(up.options["port"])), kept) as proxy:
        result = examined(f"--url={proxy.url}")
    assert subject in subjects(result, level), result.output


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = free_block(2)
    options = {"port": port, "mqtt_port": port + 1, "trusted_proxies": "127.0.0.1"}
    with Web("up", tmp_path_factory.mktemp("trusting"), **options) as web:
        yield web.until_ready()


def test_a_proxy_that_is_set_up_right(nginx: Callable[..., NginxLocation], trusting: Web) -> None:
    proxy = nginx(f"{HOST} {ADDS}", trusting)
    result = examined(f"--url={proxy.url}")
    assert lines(result, "fault") == []
    assert lines(result, "warning") == []
    assert "addresses of clients" in subjects(result, "ok")


def test_a_proxy_that_believes_its_clients(
    nginx: Callable[..., NginxLocation], trusting: Web
) -> None:
    result = examined(f"--url={nginx(HOST, trusting).url}")
    assert "addresses of clients" in subjects(result, "fault"), result.output


def test_where_nobody_listens(free_port: Callable[[], int]) -> None:
    port = free_port()
    result = examined(
        f"--url=http://127.0.0.1:{port}",
        f"--mqtt-url=mqtt://a:secret@127.0.0.1:{port}",
        f"--amqp-url=amqp://a:secret@127.0.0.1:{port}",
        f"--management-url=http://a:secret@127.0.0.1:{port}",
        f"--database-url=postgresql+psycopg://a:secret@127.0.0.1:{port}/x",
    )
    assert result.exit_code == 1
    wanted = {"gateway", "MQTT as a", "AMQP as a", "management of RabbitMQ", "database"}
    assert wanted <= subjects(result, "fault"), result.output
    assert "secret" not in result.output


def test_a_token_is_needed_where_nobody_else_may_watch(closed_up: Web) -> None:
    result = examined(f"--url={closed_up.url}")
    assert "live events" in subjects(result, "left out")
    assert lines(result, "fault") == []


# The database


def test_no_file_is_made_and_none_upgraded(tmp_path: Path, sqlite_template: Path) -> None:
    missing = tmp_path / "missing.db"
    assert "database" in subjects(examined(f"--database-url=sqlite:///{missing}"), "fault")
    assert not missing.exists()
    empty = tmp_path / "empty.db"
    empty.touch()
    result = examined(f"--database-url=sqlite:///{empty}")
    assert subjects(result, "fault") == {"tables of the history"}
    assert empty.stat().st_size == 0

    later = Path(shutil.copy(sqlite_template, tmp_path / "later.db"))
    with sqlite3.connect(later) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    result = examined(f"--database-url=sqlite:///{later}")
    assert subjects(result, "fault") == {"tables of the history"}
    assert "later version" in result.output


def test_a_database_that_is_well(database_url: str) -> None:
    result = examined(f"--database-url={database_url}")
    assert lines(result, "fault") == []
    assert result.exit_code == 0
    assert {"database", "tables of the history", "clock of the database"} <= subjects(result, "ok")


def test_a_database_without_its_tables(postgresql: PostgreSQL) -> None:
    result = examined(f"--database-url={postgresql.new_database()}")
    assert subjects(result, "fault") == {"tables of the history"}


# Certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of `localhost`, with its key beside it."""
    path = tmp_path_factory.mktemp("tls") / "one.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", path.with_suffix(".key"), "-out", path]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return path


@pytest.fixture
def secure(
    certificate: Path, up: Web, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[int]:
    """The port of an nginx with TLS in front of a gateway."""
    port = free_port()
    files = f"ssl_certificate {certificate}; ssl_certificate_key {certificate.with_suffix('.key')};"
    directives = f"{HOST}"
    proxy = NginxLocation(tmp_path, port, up.url, directives)
    proxy._http = proxy._http.replace(
        f"listen 127.0.0.1:{port};", f"listen 127.0.0.1:{port} ssl; {files}"
    )
    with proxy:
        yield port


def test_certificates(secure: int, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = examined(f"--url=https://localhost:{secure}")
    (line,) = [each for each in lines(unknown, "fault") if each.startswith("certificate")]
    assert "SSL_CERT_FILE" in line
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    known = examined(f"--url=https://localhost:{secure}")
    assert f"certificate of localhost:{secure}" in subjects(known, "warning")  # 5 days are few
    assert {"sign-in by https", "host and origin"} <= subjects(known, "ok")
    other = examined(f"--url=https://127.0.0.1:{secure}")
    (line,) = [each for each in lines(other, "fault") if each.startswith("certificate")]
    assert "Use a name that is in it" in line
