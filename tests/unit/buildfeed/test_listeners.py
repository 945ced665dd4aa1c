"""The real addresses of this machine."""

import socket
from collections.abc import Callable, Iterator

import pytest

from buildfeed import listeners
from buildfeed.errors import CannotListen

Port = Callable[[], int]


@pytest.fixture
def opened() -> Iterator[Callable[..., list[str]]]:
    """Listen on a host, and return the addresses of the sockets."""
    bound: list[socket.socket] = []

    def listen(host: str, port: int) -> list[str]:
        sockets = listeners.bind(host, port)
        bound.extend(sockets)
        for sock in sockets:
            sock.listen()
        return [str(sock.getsockname()[0]) for sock in sockets]

    yield listen
    for sock in bound:
        sock.close()


@pytest.mark.parametrize(
    ("host", "addresses", "reached"),
    [
        ("127.0.0.1", ["127.0.0.1"], ["127.0.0.1"]),
        ("::1", ["::1"], ["::1"]),
        ("::", ["::", "0.0.0.0"], ["127.0.0.1", "::1"]),
        ("0.0.0.0", ["0.0.0.0"], ["127.0.0.1"]),
        ("localhost", ["127.0.0.1", "::1"], ["127.0.0.1", "::1"]),
        ("buildfeed.localhost", ["127.0.0.1", "::1"], ["127.0.0.1", "::1"]),
    ],
)
def test_every_address_of_a_host_is_served(
    opened: Callable[..., list[str]],
    free_port: Port,
    host: str,
    addresses: list[str],
    reached: list[str],
) -> None:
    port = free_port()
    assert opened(host, port) == addresses
    for address in reached:
        with socket.create_connection((address, port), timeout=2) as client:
            assert client.getpeername()[0] == address
    with socket.create_connection((listeners.reachable(host), port), timeout=2):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::", "localhost"])
def test_a_port_that_is_taken_on_one_address_is_taken(
    opened: Callable[..., list[str]], free_port: Port, host: str
) -> None:
    port = free_port()
    opened("::1" if host == "::1" else "127.0.0.1", port)
    with pytest.raises(CannotListen) as refused:
        listeners.check(host, port)
    assert refused.value.taken
    assert refused.value.port == port


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.7", "cannot assign requested address"),  # RFC 5737: nobody's
        ("2001:db8::7", "cannot assign requested address"),  # RFC 3849
        ("host.invalid", "no address of that name is known"),  # RFC 6761 §6.4
        ("a" * 70 + ".invalid", "no address of that name is known"),
    ],
)
def test_what_is_not_here_is_told(free_port: Port, host: str, reason: str) -> None:
    with pytest.raises(CannotListen, match=reason) as refused:
        listeners.check(host, free_port())
    assert not refused.value.taken
    assert str(refused.value).startswith(f"Nothing can listen on {host} port ")


def test_several_processes_may_share_a_port(free_port: Port) -> None:
    port = free_port()
    sockets = [sock for _ in range(2) for sock in listeners.bind("localhost", port, shared=True)]
    assert len(sockets) == 4
    for sock in sockets:
        sock.listen()
    with pytest.raises(CannotListen):
        listeners.check("localhost", port)
    for sock in sockets:
        sock.close()
