import pytest

from buildfeed.broker.mqtt.session import Address


def test_user_and_password_are_decoded() -> None:
    address = Address.parse("mqtt://a%40b:p%2Fq%3A@broker:1234")
    assert address == Address("broker", 1234, tls=False, user="a@b", password="p/q:")


@pytest.mark.parametrize(
    ("url", "port", "tls"), [("mqtt://broker", 1883, False), ("mqtts://broker", 8883, True)]
)
def test_ports_have_the_registered_defaults(url: str, port: int, *, tls: bool) -> None:
    assert Address.parse(url) == Address("broker", port, tls=tls, user=None, password=None)


@pytest.mark.parametrize("url", ["", "broker:1883", "http://broker", "mqtt://", "mqtt://u:secret@"])
def test_anything_else_is_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="mqtt://user:password@host:port") as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)
