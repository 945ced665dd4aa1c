"""TLS, with the certificate authorities of the system."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.brokers import Mosquitto
from support.certificates import certificate as make_certificate
from support.peers import Connect


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a self-signed certificate of `localhost`, with its key beside it."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def url(certificate: Path, tmp_path: Path) -> Iterator[str]:
    broker = Mosquitto(
        tmp_path, f"certfile {certificate}", f"keyfile {certificate.with_suffix('.key')}"
    )
    broker.start()
    yield broker.url.replace("mqtt://", "mqtts://").replace("127.0.0.1", "localhost")
    broker.stop()


def test_large_and_many_messages_pass(
    url: str, certificate: Path, connect: Connect, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = connect(url, subscriptions=[(root, 1)])
    sent = [b"%d" % size * size for size in range(1, 12_000, 100)]
    for payload in sent:
        client.link.publish(root, payload, qos=1)
    client.until(lambda: len(client.messages) == len(sent))
    assert client.payloads == sent


def test_an_unknown_authority_is_refused(url: str, connect: Connect) -> None:
    client = connect(url, up=False)
    client.until(lambda: client.downs)
    assert "certificate verify failed" in client.downs[0]
    assert not client.ups
