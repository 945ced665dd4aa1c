"""Everything by `mqtts://` and `amqps://`: gateway, worker and recorder on a real RabbitMQ."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.brokers import free_port
from support.certificates import certificate
from support.rabbitmq import ControlledRabbitMQ
from support.service import Service, Web

QUICK = {"seconds": 1, "steps": 5, "errors": []}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the broker."""
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def urls(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The options of services for a RabbitMQ that speaks TLS, too."""
    directory = tmp_path_factory.mktemp("rabbitmq-tls")
    broker = ControlledRabbitMQ(directory)
    amqps, mqtts = free_port(), free_port()
    (directory / "conf.d").mkdir()
    settings = [
        f"listeners.ssl.1 = 127.0.0.1:{amqps}",
        f"mqtt.listeners.ssl.1 = 127.0.0.1:{mqtts}",
        f"ssl_options.cacertfile = {file}",
        f"ssl_options.certfile = {file}",
        f"ssl_options.keyfile = {file.with_suffix('.key')}",
        "ssl_options.verify = verify_none",
    ]
    (directory / "conf.d" / "tls.conf").write_text("\n".join([*settings, ""]))
    broker.start()
    login = f"{broker.user}:{broker.password}@localhost"
    yield {"mqtt_url": f"mqtts://{login}:{mqtts}", "amqp_url": f"amqps://{login}:{amqps}/"}
    broker.kill()
    broker.stop()


def test_a_build_runs_when_everybody_speaks_tls(
    urls: dict[str, str], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with ExitStack() as stack:
        run: Callable[[Service], Service] = stack.enter_context
        gateway = Web("gateway", tmp_path, port=free_port(), **urls)
        run(gateway)
        run(Service("recorder", tmp_path, mqtt_url=urls["mqtt_url"]))
        worker = run(Service("fakebuild", tmp_path, **urls, name="w1", drain_seconds=0))
        gateway.until_ready()
        worker.until_logged("amqp.up")
        build = gateway.press_start("acme", script=QUICK)["build"]
        gateway.until_status("acme", build, "succeeded")


@pytest.mark.parametrize(
    ("command", "links"),
    [
        ("gateway", ["mqtt.down", "amqp.down"]),
        ("fakebuild", ["mqtt.down"]),  # it waits with the other
        ("recorder", ["mqtt.down"]),
    ],
)
def test_an_unknown_authority_is_said_in_the_log(
    urls: dict[str, str],
    tmp_path: Path,
    command: str,
    links: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    options = urls if command != "recorder" else {"mqtt_url": urls["mqtt_url"]}
    made: type[Service] = Web if command == "gateway" else Service
    port = {"port": free_port()} if command == "gateway" else {}
    with made(command, tmp_path, **options, **port) as service:
        for link in links:
            service.until_logged(link)
        for link in links:
            (line, *_) = [line for line in service.text.splitlines() if link in line]
            assert "certificate verify failed" in line.lower().replace("_", " ")
        assert urls["mqtt_url"].split(":")[2].split("@")[0] not in service.text
