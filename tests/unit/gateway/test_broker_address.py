"""The addresses at which phones reach the broker."""

import pytest

from gateway.broker_address import BrokerAddress


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("mqtt://builds.example", "mqtt://builds.example:1883"),
        ("mqtts://builds.example/", "mqtts://builds.example:8883"),
        (" wss://Builds.Example/mqtt ", "wss://builds.example:443/mqtt"),
        ("ws://[::1]:15675/mqtt", "ws://[::1]:15675/mqtt"),
        ("mqtt://:1884", "mqtt://:1884"),
    ],
)
def test_an_address_is_written_with_its_port(text: str, written: str) -> None:
    address = BrokerAddress.parse(text)
    assert str(address) == written
    assert BrokerAddress.parse(written) == address


@pytest.mark.parametrize(
    "text",
    [
        *("builds.example", "https://builds.example", "mqtt://", "mqtt://a b", "mqtt://h:0"),
        *("mqtt://h:70000", "mqtt://ada:secret@h", "mqtt://ada@h", "mqtt://h/mqtt", "ws://h?x=1"),
        *("ws://h/#x", "mqtt://h*:1", ""),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no address|[Pp]ort"):
        BrokerAddress.parse(text)


def test_without_a_host_it_is_at_that_of_the_page() -> None:
    address = BrokerAddress.parse("wss://:15675/mqtt").seen_at("192.0.2.7")
    assert str(address) == "wss://192.0.2.7:15675/mqtt"
    named = BrokerAddress.parse("mqtt://broker.example")
    assert named.seen_at("192.0.2.7") == named


@pytest.mark.parametrize(
    ("text", "here", "tls", "web_socket"),
    [
        ("mqtt://127.0.0.1", True, False, False),
        ("wss://localhost/mqtt", True, True, True),
        ("mqtts://builds.example", False, True, False),
        ("ws://:15675", False, False, True),
    ],
)
def test_what_an_address_tells(text: str, here: bool, tls: bool, web_socket: bool) -> None:  # noqa: FBT001 - parameters
    address = BrokerAddress.parse(text)
    assert (address.is_here, address.tls, address.web_socket) == (here, tls, web_socket)
