import pytest

from buildfeed.subscribe.address import Address, InvalidAddress


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("mqtt://ada:secret@host", "mqtt"),
        ("mqtts://ada:secret@host:8883", "mqtt"),
        ("amqp://ada:secret@host/vhost", "amqp"),
        ("amqps://ada:secret@[::1]:5671", "amqp"),
    ],
)
def test_the_url_says_which_protocol_is_spoken(url: str, protocol: str) -> None:
    assert Address.parse(url) == Address(url, protocol, "ada")


@pytest.mark.parametrize(
    "url",
    [
        *("", "host", "http://u:secret@host", "mqtt://", "mqtt://u:secret@", "amqp:///vhost"),
        *("mqtt://u:secret@host:x", "mqtt://u:secret@host:0", "amqp://u:secret@host:99999"),
        *("mqtt://u:secret@[host", "amqp://secret@host"),
    ],
)
def test_another_url_is_refused_and_its_password_not_told(url: str) -> None:
    with pytest.raises(InvalidAddress) as refused:
        Address.parse(url)
    assert "secret" not in str(refused.value)
    assert refused.value.reason in str(refused.value)


@pytest.mark.parametrize(
    ("user", "session"),
    [("ada", "ada:app"), ("us%20er", "app"), ("a.b", "app"), ("", "app"), ("A", "app")],
)
def test_a_session_begins_with_the_name_of_its_user(user: str, session: str) -> None:
    assert Address.parse(f"mqtt://{user}:x@host").session_of("app") == session
    assert Address.parse("mqtt://host").session_of("app") == "app"
