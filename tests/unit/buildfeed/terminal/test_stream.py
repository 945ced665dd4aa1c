from itertools import islice

import pytest
from msgspec.structs import replace

from buildfeed.terminal.gateway import Away, Gateway, Refused
from buildfeed.terminal.stream import Event, Stream
from support.told_gateway import STREAM, Reply, ToldGateway, build, events, problem

FEED = ("feed", {})


class Watching:
    """The names of the first events of a stream, and what was said meanwhile."""

    def __init__(self, told: ToldGateway, *, patience: bool = False) -> None:
        self.said: list[str] = []
        self.stream = Stream(
            Gateway(told.url, "bf_1"), ("builds/#",), self.said.append, patience=patience
        )

    def first(self, count: int) -> list[Event]:
        return list(islice(self.stream.events(), count))

    def names(self, count: int) -> list[str]:
        return [name for name, _ in self.first(count)]


def test_it_begins_with_a_snapshot_and_shows_the_token(told: ToldGateway) -> None:
    told.tell(STREAM, events(("build", build()), FEED, holds=True))
    assert Watching(told).names(3) == ["opened", "build", "feed"]
    (asked,) = told.requests
    assert asked.query == "watch=builds%2F%23"
    assert asked.headers["authorization"] == "Bearer bf_1"


def test_comments_and_other_fields_are_left_out(told: ToldGateway) -> None:
    text = (
        b'retry: 700\n:\nevent: build\ndata: {"a": 1}\nid: x.1\n\n:\nevent:feed\r\ndata:{}\r\n\r\n'
    )
    told.tell(STREAM, Reply(200, text, "text/event-stream", holds=True))
    assert Watching(told).first(3)[1:] == [("build", b'{"a": 1}'), ("feed", b"{}")]


def test_it_connects_again_and_says_so_once(told: ToldGateway) -> None:
    away = problem(503, "not-ready", "The gateway is starting.")
    told.tell(STREAM, events(FEED), Reply(None), Reply(502), away, events(FEED, holds=True))
    watching = Watching(told)
    assert watching.names(4) == ["opened", "feed", "opened", "feed"]
    ended = f"The gateway {told.url} has ended the connection. Trying again …"
    assert watching.said == [ended, "Connected again."]


def test_other_filters_are_watched_by_a_new_connection(told: ToldGateway) -> None:
    told.tell(STREAM, events(FEED, FEED, holds=True), events(FEED, holds=True))
    watching = Watching(told)
    names = []
    for name, _ in watching.stream.events():
        names.append(name)
        if len(names) == 2:
            watching.stream.watch(("builds/acme/#", "builds/acme/01a1/log"))
        if len(names) == 4:
            break
    assert names == ["opened", "feed", "opened", "feed"]
    assert told.requests[-1].query == "watch=builds%2Facme%2F%23&watch=builds%2Facme%2F01a1%2Flog"
    assert watching.said == []


@pytest.mark.parametrize(
    ("reply", "told_"),
    [
        (problem(401, "not-signed-in", "This token has expired."), "has expired. Give a token"),
        (problem(403, "not-allowed", "This needs \x1b[2J."), "This needs \\x1b[2J."),
        (Reply(404, b"<h1>Not found</h1>", "text/html"), "not as a gateway"),
        (Reply(200, b"<h1>Welcome</h1>", "text/html"), "no gateway of Buildfeed"),
        (Reply(200, b'{"type": "x"}'), "no gateway of Buildfeed"),
        (Reply(302, b""), "not as a gateway"),
    ],
)
def test_a_refusal_is_one_sentence(told: ToldGateway, reply: Reply, told_: str) -> None:
    told.tell(STREAM, reply)
    with pytest.raises(Refused) as refused:
        Watching(told, patience=True).first(2)
    assert told_ in refused.value.reason


def test_one_that_was_never_there_is_tried_again_only_with_patience(told: ToldGateway) -> None:
    told.tell(STREAM, Reply(None))
    with pytest.raises(Away, match="cannot be reached"):
        Watching(told).first(1)
    told.tell(STREAM, Reply(None), Reply(None), events(FEED, holds=True))
    assert Watching(told, patience=True).names(2) == ["opened", "feed"]


def test_a_revoked_token_ends_it(told: ToldGateway) -> None:
    revoked = problem(401, "not-signed-in", "This token was revoked.")
    told.tell(STREAM, events(FEED), revoked)
    with pytest.raises(Refused, match="was revoked"):
        Watching(told).first(5)


def test_a_line_without_an_end_is_no_event(told: ToldGateway) -> None:
    endless = Reply(200, b"data: " + b"x" * 2_000_000, "text/event-stream")
    told.tell(STREAM, endless)
    with pytest.raises(Away, match="no end of a line"):
        Watching(told).first(2)


def test_one_that_is_asked_too_often_is_asked_again_when_it_says(
    told: ToldGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("buildfeed.terminal.stream.time.sleep", pauses.append)
    often = problem(429, "too-many-connections", "Too many connections.")
    waits = [replace(often, headers={"Retry-After": each}) for each in ("7", "9" * 400)]
    mute = Reply(429, b"slow down", "text/plain", headers={"Retry-After": "11"})
    told.tell(STREAM, events(FEED), *waits, mute, often)
    with pytest.raises(Refused, match="Too many connections"):
        Watching(told).first(9)
    assert pauses[1:] == [7, 30, 11]


def test_without_patience_it_is_told_at_once(told: ToldGateway) -> None:
    often = problem(429, "too-many-connections", "Too many connections.")
    told.tell(STREAM, replace(often, headers={"Retry-After": "7"}))
    with pytest.raises(Away, match="Too many connections"):
        Watching(told).first(1)
