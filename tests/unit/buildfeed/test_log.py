import logging
import re

import pytest

from buildfeed import log
from buildfeed.history.tokens import new_secret
from buildfeed.secret_kinds import BEARER, COOKIE, LINK

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err.splitlines()


def body(line: str) -> str:
    """Return `line` without its time."""
    match = LINE.match(line)
    assert match, line
    return line[match.end() :]


def test_a_line_is_time_level_event_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info")
    logging.getLogger("buildfeed.broker.mqtt.link").info(
        "mqtt.up", extra={"protocol": 5, "link": "gateway"}
    )
    (line,) = lines(capsys)
    assert body(line) == "INFO mqtt.up protocol=5 link=gateway"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", '""'),
        ("two words", '"two words"'),
        ('a"b', r'"a\"b"'),
        ("a=b", '"a=b"'),
        ("broken\nline", r'"broken\nline"'),
        ("\x1b[31mred", r'"\u001b[31mred"'),
        ("straße", "straße"),
        ("große straße", '"große straße"'),
        ("\ud800", r'"\ud800"'),
        (None, "None"),
        (1.5, "1.5"),
    ],
)
def test_a_value_whose_end_could_be_mistaken_is_quoted(
    value: object, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("info")
    logging.getLogger("gateway").info("some.event", extra={"field": value})
    assert [body(line) for line in lines(capsys)] == [f"INFO some.event field={written}"]


def test_the_message_of_a_library_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info")
    logging.getLogger("uvicorn.error").warning("Invalid request: %s", "a\nb")
    assert [body(line) for line in lines(capsys)] == [r'WARNING "Invalid request: a\nb"']


def test_an_exception_follows_on_its_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info")
    try:
        int("no")
    except ValueError:
        logging.getLogger("gateway").exception("some.failure", extra={"field": 1})
    first, *rest = lines(capsys)
    assert body(first) == "ERROR some.failure field=1"
    assert rest[0].startswith("Traceback")
    assert rest[-1].startswith("ValueError: ")


def test_an_exception_cannot_look_like_a_record_or_colour_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("info")
    try:
        int("\x1b]0;evil\x07\u202e")
    except ValueError as exc:
        exc.add_note("2026-11-21T10:15:03.218Z INFO mqtt.up\r\x9b31m")
        logging.getLogger("gateway").exception("some.failure")
    first, *rest = lines(capsys)
    assert body(first) == "ERROR some.failure"
    assert not [line for line in rest if LINE.match(line) or not line.isprintable()]


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("warning")
    logging.getLogger("gateway").info("some.event")
    logging.getLogger("gateway").warning("other.event")
    assert [body(line) for line in lines(capsys)] == ["WARNING other.event"]


def test_chatty_libraries_are_heard_from_warning_on(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("debug")
    logging.getLogger("amqtt.broker").info("Connecting")
    logging.getLogger("amqtt.broker").warning("Lost")
    assert [body(line) for line in lines(capsys)] == ["WARNING Lost"]


def test_configuring_again_writes_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info")
    log.configure("info")
    logging.getLogger("gateway").info("some.event")
    assert len(lines(capsys)) == 1


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        log.configure("loud")


def test_a_secret_is_cut_off_wherever_it_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("debug")
    secrets = [new_secret(kind) for kind in (BEARER, COOKIE, LINK)]
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
    url = "amqps://buildfeed:p%40ss:word@broker:5671/vhost"
    try:
        int(f"no answer to Bearer {secrets[0]} of {url}")
    except ValueError:
        logging.getLogger("gateway").exception("http.failed", extra={"path": f"/s/{secrets[2]}"})
    logging.getLogger("library").debug("headers %s", [b"buildfeed=" + secrets[1].encode(), jwt])
    logging.getLogger("gateway").info("some.event", extra={"url": url})
    text = "\n".join(lines(capsys))
    for secret in (*(each[3:] for each in secrets), jwt.split(".")[1], jwt.split(".")[2], "word"):
        assert secret not in text
    assert "path=/s/bl_…" in text
    assert "amqps://buildfeed:…@broker:5671/vhost" in text


def test_names_that_look_a_little_like_secrets_stay(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info")
    project = "web-bf_1234567890ab"
    logging.getLogger("gateway").info("some.event", extra={"project": project, "at": "a:b@c"})
    assert [body(line) for line in lines(capsys)] == [f"INFO some.event project={project} at=a:b@c"]
