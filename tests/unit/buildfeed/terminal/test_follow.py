from typing import Any

import pytest
from msgspec.structs import replace

from buildfeed.terminal import follow as follow_module
from buildfeed.terminal import output
from buildfeed.terminal.follow import Follower
from buildfeed.terminal.gateway import Gateway, Refused
from buildfeed.terminal.output_order import Piece
from buildfeed.terminal.picture import State
from buildfeed.terminal.wanted import Wanted
from support.told_gateway import STREAM, Reply, ToldGateway, answer, build, events, problem

FEED = ("feed", {"broker": "up", "history": "up"})
BUILDS = "/api/projects/acme/builds"


class Shown:
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.forgotten: list[str] = []
        self.said: list[str] = []
        self.written = ""

    def show(self, state: State, body: bytes) -> None:
        assert body
        self.states.append(f"{state.build} {state.status} {state.progress}")

    def forget(self, state: State) -> None:
        self.forgotten.append(state.build)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def write(self, _piece: Piece, text: str) -> None:
        self.written += text


def a_build(**more: Any) -> tuple[str, Any]:
    return "build", build(**more)


def log(seq: int, content: str, **more: Any) -> tuple[str, Any]:
    body = {"project": "acme", "build": "01a1", "attempt": 1, "seq": seq, "worker": "w1"}
    return "log", {**body, "content": content, **more}


def recorded(*pieces: tuple[int, str], ended: int | None = None) -> Any:
    """A page of the history: pieces of output, and with `ended` the `seq` of the ending."""
    common = {"published": "2026-11-21T10:15:03.218Z", "actor": {"type": "Service", "name": "w1"}}
    items: list[Any] = [
        {**common, "type": "Add", "object": {"attempt": 1, "seq": seq}, "content": text}
        for seq, text in pieces
    ]
    if ended is not None:
        items.append({**common, "type": "Update", "object": {"attempt": 1, "seq": ended}})
    return answer({"orderedItems": items})


def follow(told: ToldGateway, word: str | None, shown: Shown, **how: Any) -> State | None:
    if how.pop("log", False):
        how["write"] = shown.write
    return Follower(Gateway(told.url), Wanted.parse(word), shown, **how).run()


def until_refused(told: ToldGateway, word: str | None, shown: Shown, **how: Any) -> None:
    """Follow until the gateway wants no more of it: it is told so after the streams."""
    with pytest.raises(Refused):
        follow(told, word, shown, **how)


GOODBYE = problem(401, "not-signed-in", "This token was revoked.")


def test_one_build_is_waited_for(told: ToldGateway) -> None:
    shown = Shown()
    ended = a_build(seq=9, status="failed", progress=80)
    told.tell(STREAM, events(a_build(seq=2), FEED, a_build(seq=3, progress=30), ended, holds=True))
    state = follow(told, "acme/01a1", shown, wait=True)
    assert state
    assert state.status == "failed"
    assert shown.states == ["01a1 running 10", "01a1 running 30", "01a1 failed 80"]


def test_after_a_lost_connection_nothing_is_repeated_and_nothing_lacks(told: ToldGateway) -> None:
    shown = Shown()
    first = events(a_build(seq=2), a_build(build="01a2"), FEED, a_build(seq=3, progress=30))
    meanwhile = a_build(build="01a3", status="succeeded", progress=100)
    again = events(a_build(seq=3, progress=30), a_build(build="01a2"), meanwhile, FEED)
    told.tell(STREAM, first, again, GOODBYE)
    until_refused(told, "acme", shown)
    seen = ["01a1 running 10", "01a2 running 10", "01a1 running 30", "01a3 succeeded 100"]
    assert shown.states == seen
    assert shown.said[1] == "Connected again."


def test_builds_that_had_ended_before_are_not_shown(told: ToldGateway) -> None:
    shown = Shown()
    old = a_build(build="01a0", status="succeeded")
    told.tell(STREAM, events(a_build(), old, FEED, old), events(a_build(), old, FEED), GOODBYE)
    until_refused(told, None, shown)
    assert shown.states == ["01a1 running 10"]


def test_old_builds_are_no_news_after_a_reconnect(told: ToldGateway) -> None:
    shown = Shown()
    old = a_build(build="01a1", status="failed")
    going = a_build(build="01a4")
    begun = a_build(build="01a2", seq=0)
    new = a_build(build="01a5", status="succeeded")
    cut_short = events(new)
    last = (old, a_build(build="01a4", seq=9, status="stopped"), begun, new)
    newer = a_build(build="01a6", status="failed")
    late = a_build(build="01a3", status="succeeded")  # its beginning was lost on the way
    told.tell(STREAM, events(going, FEED), cut_short, events(*last, newer, FEED, late), GOODBYE)
    until_refused(told, None, shown)
    assert shown.states == [
        "01a4 running 10",
        "01a5 succeeded 10",
        "01a4 stopped 10",
        "01a2 running 10",
        "01a6 failed 10",
        "01a3 succeeded 10",
    ]


def test_a_new_build_is_news_after_a_snapshot_that_was_cut_short(told: ToldGateway) -> None:
    shown = Shown()
    new, newer = (a_build(build=each, status="failed") for each in ("01a2", "01a3"))
    told.tell(STREAM, events(a_build(), FEED), events(newer), events(newer, new, FEED), GOODBYE)
    until_refused(told, None, shown)
    assert shown.states == ["01a1 running 10", "01a3 failed 10", "01a2 failed 10"]


def test_one_that_ended_long_ago_meanwhile_is_forgotten(told: ToldGateway) -> None:
    shown = Shown()
    told.tell(STREAM, events(a_build(), a_build(build="01a2"), FEED), events(FEED), GOODBYE)
    until_refused(told, "acme", shown)
    assert shown.forgotten == ["01a1", "01a2"]


def test_how_the_one_that_is_waited_for_ended_is_asked(told: ToldGateway) -> None:
    shown = Shown()
    told.tell(STREAM, events(a_build(), FEED), events(FEED, holds=True))
    told.tell(f"{BUILDS}/01a1", answer(build(seq=9, status="stopped")))
    state = follow(told, "acme/01a1", shown, wait=True)
    assert state
    assert state.status == "stopped"
    assert shown.states[-1] == "01a1 stopped 10"


UNKNOWN = problem(404, "unknown-build", "No such build.")
OFTEN = replace(problem(429, "too-many", "Ask later."), headers={"Retry-After": "0"})
GONE = problem(503, "history-unavailable", "No history.")


@pytest.mark.parametrize("trouble", [Reply(None), Reply(502), GONE, OFTEN, UNKNOWN])
def test_how_it_ended_is_asked_until_there_is_an_answer(told: ToldGateway, trouble: Reply) -> None:
    told.tell(STREAM, events(a_build(), FEED), events(FEED), events(FEED, FEED, FEED, holds=True))
    ended = answer(build(seq=9, status="stopped"))
    told.tell(f"{BUILDS}/01a1", trouble, trouble, trouble, ended)
    state = follow(told, "acme/01a1", Shown(), wait=True)
    assert state
    assert state.status == "stopped"
    assert len(told.asked(f"{BUILDS}/01a1")) == 4


def test_at_first_too_it_is_asked_again(told: ToldGateway) -> None:
    told.tell(STREAM, events(FEED, FEED, holds=True))
    told.tell(f"{BUILDS}/01a1", GONE, answer(build(seq=9, status="failed")))
    state = follow(told, "acme/01a1", Shown(), wait=True)
    assert state
    assert state.status == "failed"


def test_one_that_was_there_is_not_waited_for_for_ever(
    told: ToldGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_module, "_UNKNOWN_SECONDS", 0.0)
    told.tell(STREAM, events(a_build(), FEED), events(FEED, holds=True))
    told.tell(f"{BUILDS}/01a1", UNKNOWN)
    with pytest.raises(Refused, match="No such build"):
        follow(told, "acme/01a1", Shown(), wait=True)


def test_one_that_was_just_started_is_asked_for_too(told: ToldGateway) -> None:
    told.tell(STREAM, events(FEED, FEED, FEED, holds=True))
    told.tell(f"{BUILDS}/01a1", UNKNOWN, answer(build(seq=9, status="failed")))
    state = follow(told, "acme/01a1", Shown(), wait=True, patience=True)
    assert state
    assert state.status == "failed"


def test_a_build_that_nobody_knows_is_refused(told: ToldGateway) -> None:
    told.tell(STREAM, events(FEED, holds=True))
    told.tell(f"{BUILDS}/01a1", problem(404, "unknown-build", "No such build."))
    with pytest.raises(Refused, match="No such build"):
        follow(told, "acme/01a1", Shown(), wait=True)


def test_one_that_was_just_started_may_be_told_later(told: ToldGateway) -> None:
    ended = a_build(seq=9, status="succeeded")
    told.tell(STREAM, events(FEED, ended, holds=True))
    state = follow(told, "acme/01a1", Shown(), wait=True, patience=True)
    assert state
    assert state.status == "succeeded"


def test_the_newest_is_followed_then_the_next_one(told: ToldGateway) -> None:
    shown = Shown()
    ended = a_build(build="01a2", seq=9, status="failed")
    older = a_build(build="01a1", seq=5, progress=50)
    follows = a_build(build="01a3", seq=0, progress=0)
    told.tell(STREAM, events(a_build(), ended, FEED, older, follows), GOODBYE)
    until_refused(told, "acme", shown, latest=True)
    assert shown.states == ["01a2 failed 10", "01a3 running 0"]


def test_the_newest_is_waited_for_and_no_other(told: ToldGateway) -> None:
    shown = Shown()
    first = events(a_build(build="01a2"), FEED, holds=True)
    ended = a_build(build="01a2", seq=9, status="succeeded")
    second = events(a_build(build="01a2"), FEED, a_build(build="01a3"), ended, holds=True)
    told.tell(STREAM, first, second)
    state = follow(told, "acme", shown, latest=True, wait=True)
    assert state
    assert state.build == "01a2"
    assert shown.states == ["01a2 running 10", "01a2 succeeded 10"]
    assert told.requests[-1].query == "watch=builds%2Facme%2F01a2%2F%23"


def test_without_any_build_the_first_one_is_the_newest(told: ToldGateway) -> None:
    shown = Shown()
    told.tell(STREAM, events(FEED, a_build(seq=9, status="stopped"), holds=True))
    assert follow(told, "acme", shown, latest=True, wait=True)
    assert shown.states == ["01a1 stopped 10"]


def test_output_comes_from_the_history_first_and_once(told: ToldGateway) -> None:
    shown = Shown()
    told.tell(
        f"{BUILDS}/01a1/activities",
        recorded((1, "a\n"), (2, "b\n")),
        recorded((1, "a\n"), (2, "b\n"), (4, "c\n")),
        recorded((1, "a\n"), (2, "b\n"), (4, "c\n"), (5, "d\n"), (7, "f\n"), ended=8),
    )
    stream = events(a_build(), FEED, log(4, "c\n"), log(5, "d\n"), a_build(seq=8, status="failed"))
    told.tell(STREAM, stream)
    assert follow(told, "acme/01a1", shown, wait=True, log=True)
    assert shown.written == "a\nb\nc\nd\nf\n"
    assert told.asked(STREAM)[0].query.endswith("watch=builds%2Facme%2F01a1%2Flog")
    assert told.asked(f"{BUILDS}/01a1/activities")[0].query == "after=0&kind=log,status"


def test_output_is_read_page_by_page(told: ToldGateway) -> None:
    shown = Shown()
    path = f"{BUILDS}/01a1/activities"
    first = recorded((1, "a\n")).body.replace(b"{", b'{"next": "https://x/y?after=7&kind=log", ', 1)
    told.tell(path, Reply(200, first), recorded((2, "b\n"), ended=3))
    told.tell(STREAM, events(a_build(seq=3, status="succeeded"), FEED, holds=True))
    follow(told, "acme/01a1", shown, wait=True, log=True)
    assert shown.written == "a\nb\n"
    assert told.asked(path)[1].query == "after=7&kind=log"


def test_output_that_the_history_lacks_is_told(
    told: ToldGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_HISTORY_SECONDS", 0.05)
    shown = Shown()
    told.tell(f"{BUILDS}/01a1/activities", recorded())
    ended = a_build(seq=9, status="failed")
    told.tell(STREAM, events(a_build(), FEED, log(4, "c\n"), log(5, "d\n"), ended, holds=True))
    follow(told, "acme/01a1", shown, wait=True, log=True)
    assert shown.written == "c\nd\n"
    assert (
        shown.said == ["The history is behind: output may be missing here."] * 2
    )  # at the end too


def test_the_rest_of_the_output_is_read_although_the_history_was_away(
    told: ToldGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_HISTORY_SECONDS", 0.0)
    shown = Shown()
    told.tell(f"{BUILDS}/01a1/activities", GONE, recorded((1, "a\n"), (5, "b\n"), ended=9))
    ended = a_build(seq=9, status="failed")
    told.tell(STREAM, events(a_build(), FEED, ended, holds=True))
    follow(told, "acme/01a1", shown, wait=True, log=True)
    assert shown.said == ["No history: output may be missing here."]
    assert shown.written == "a\nb\n"


def test_that_the_picture_may_be_old_is_said_once(told: ToldGateway) -> None:
    shown = Shown()
    down = ("feed", {"broker": "down", "history": "up"})
    told.tell(STREAM, events(a_build(), FEED, down, down, FEED), GOODBYE)
    until_refused(told, "acme", shown)
    assert [each.partition(":")[0] for each in shown.said[:2]] == [
        "The gateway has lost its broker",
        "The picture is live again.",
    ]


def test_that_nobody_begins_a_build_is_said_once(told: ToldGateway) -> None:
    shown = Shown()
    nobody = ("feed", {"workers": 0})
    queued, running = a_build(seq=0, status="queued"), a_build(seq=1)
    told.tell(STREAM, events(queued, nobody, nobody, running, nobody), GOODBYE)
    until_refused(told, "acme/01a1", shown)
    assert [each for each in shown.said if "No worker" in each] == [
        "No worker is online: the build waits until one is."
    ]


def test_an_event_that_cannot_be_read_is_left_out(told: ToldGateway) -> None:
    shown = Shown()
    strange = ("build", {"project": "../x", "build": 5})
    told.tell(STREAM, events(strange, ("log", []), ("news", {}), a_build(), FEED), GOODBYE)
    until_refused(told, "acme", shown)
    assert shown.states == ["01a1 running 10"]


WATCHES_ALL = "watch=builds%2Facme%2F01a1%2F%23"
WATCHES_LOG = "watch=builds%2Facme%2F01a1%2Flog"


@pytest.mark.parametrize(
    ("how", "query"),
    [
        ({}, "watch=builds%2Facme%2F01a1%2Fprogress"),
        ({"wait": True}, WATCHES_ALL),
        ({"log": True}, f"{WATCHES_ALL}&{WATCHES_LOG}"),
        ({"log": True, "wait": True}, f"{WATCHES_ALL}&{WATCHES_LOG}"),
    ],
)
def test_the_ending_is_watched_whatever_the_filter(
    told: ToldGateway, how: dict[str, bool], query: str
) -> None:
    told.tell(STREAM, GOODBYE)
    until_refused(told, "builds/acme/01a1/progress", Shown(), **how)
    assert told.requests[0].query == query


def test_the_ending_of_the_newest_is_watched_whatever_the_filter(told: ToldGateway) -> None:
    first = events(a_build(), FEED, holds=True)
    told.tell(STREAM, first, GOODBYE)
    told.tell(f"{BUILDS}/01a1/activities", recorded())
    until_refused(told, "builds/acme/+/progress", Shown(), latest=True, log=True)
    wanted = "watch=builds%2Facme%2F%2B%2Fprogress"
    queries = [each.query for each in told.asked(STREAM)]
    assert queries == [wanted, f"{wanted}&{WATCHES_ALL}&{WATCHES_LOG}"]
