"""The URLs of a listener: for this machine, and for others."""

import ssl

import pytest

from buildfeed.broker.local.listener import Listener
from buildfeed.broker.local.users import User

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.mark.parametrize(
    ("listener", "own", "public"),
    [
        (Listener("127.0.0.1", 1883), "mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1883"),
        (Listener("0.0.0.0", 1883), "mqtt://127.0.0.1:1883", "mqtt://:1883"),
        (Listener("::", 8883, tls=TLS), "mqtts://127.0.0.1:8883", "mqtts://:8883"),
        (
            Listener("fe80::1", 9, web_socket=True),
            "ws://[fe80::1]:9/mqtt",
            "ws://[fe80::1]:9/mqtt",
        ),
        (
            Listener("builds.example", 9, web_socket=True, tls=TLS),
            "wss://builds.example:9/mqtt",
            "wss://builds.example:9/mqtt",
        ),
    ],
)
def test_where_clients_connect(listener: Listener, own: str, public: str) -> None:
    assert (listener.url(), listener.public_url()) == (own, public)


def test_a_login_is_written_so_that_it_can_be_read() -> None:
    url = Listener("127.0.0.1", 9, web_socket=True).url(User("us er", "p@ss/w:rd"))
    assert url == "ws://us%20er:p%40ss%2Fw%3Ard@127.0.0.1:9/mqtt"
