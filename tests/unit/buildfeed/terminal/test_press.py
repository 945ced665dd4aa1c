import json

import pytest

from buildfeed.terminal import press
from buildfeed.terminal.gateway import Away, Gateway, Refused
from support.told_gateway import Reply, ToldGateway, answer, build, problem

STARTS = "/api/projects/acme/builds"
NO_BROKER = "broker-unavailable"


def test_a_start_is_asked_with_its_job_and_the_token(told: ToldGateway) -> None:
    told.tell(STARTS, answer(build(status="queued"), 202))
    body = {"job": "test", "parameters": {"stage": "live"}}
    assert press.start(Gateway(told.url, "bf_1"), "acme", body).status == "queued"
    (asked,) = told.requests
    assert json.loads(asked.body) == body
    assert asked.headers["authorization"] == "Bearer bf_1"


def test_it_is_repeated_with_its_key(told: ToldGateway) -> None:
    trouble = problem(503, NO_BROKER, "The broker is away.", sent=True, build="01a1")
    told.tell(STARTS, Reply(None), Reply(504), trouble, answer(build(), 202))
    press.start(Gateway(told.url), "acme", {})
    press.start(Gateway(told.url), "acme", {})
    keys = [each.headers["idempotency-key"] for each in told.requests]
    assert len(keys) == 5
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]


@pytest.mark.parametrize(
    ("reply", "sent"),
    [
        (Reply(None), True),
        (Reply(502), True),
        (problem(503, NO_BROKER, "The broker does not answer.", sent=False), False),
        (problem(503, NO_BROKER, "It may have it.", sent=True), True),
        (problem(503, "history-unavailable", "No history."), False),
    ],
)
def test_whether_it_may_have_been_started_is_told(
    told: ToldGateway, monkeypatch: pytest.MonkeyPatch, *, reply: Reply, sent: bool
) -> None:
    monkeypatch.setattr(press, "PATIENCE", 0.0)
    told.tell(STARTS, reply)
    with pytest.raises(Away) as away:
        press.start(Gateway(told.url), "acme", {})
    assert away.value.sent is sent


def test_where_nobody_listens_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(press, "PATIENCE", 0.0)
    with pytest.raises(Away, match="refused") as away:
        press.start(Gateway("http://127.0.0.1:1"), "acme", {})
    assert away.value.sent is False


def test_a_refusal_is_not_repeated(told: ToldGateway) -> None:
    told.tell(STARTS, problem(422, "no-such-job", "No worker has the job x."))
    with pytest.raises(Refused, match="No worker has the job x") as refused:
        press.start(Gateway(told.url), "acme", {})
    assert refused.value.problem == "no-such-job"
    assert len(told.requests) == 1


def test_a_stop(told: ToldGateway) -> None:
    told.tell(f"{STARTS}/01a1/stop", Reply(None), answer(build(stopping=True), 202))
    assert press.stop(Gateway(told.url), "acme", "01a1").stopping
    assert len(told.requests) == 2


def test_something_else_at_that_address_is_no_gateway(told: ToldGateway) -> None:
    told.tell(STARTS, Reply(200, b"<h1>Welcome</h1>", "text/html"))
    with pytest.raises(Refused, match="as a gateway of Buildfeed"):
        press.start(Gateway(told.url), "acme", {})
