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
    assert Address.parse(url) == Address(url, protocol, "ada", by_token=False)


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
    ("login", "session"),
    [
        ("mqtt://ada:bf_x@", "ada:app"),
        ("mqtt://ada:bf%5Fx@", "ada:app"),
        ("amqp://ada:bf_x@", "ada:app"),
        ("amqp://ada:x@", "ada:app"),
        ("mqtt://ada:x@", "app-app"),
        ("mqtt://", "app-app"),
        *((f"amqp://{user}:bf_x@", "app-app") for user in ("us%20er", "a.b", "", "A")),
    ],
)
def test_a_session_begins_with_the_name_of_a_token_and_a_queue_with_that_of_any_user(
    login: str, session: str
) -> None:
    assert Address.parse(f"{login}host").session_of("app") == session
