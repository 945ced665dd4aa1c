"""RabbitMQ is short of memory and reads nothing from publishers: starts are refused in time, and
when it is over none is lost and none is doubled."""

import itertools
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from buildfeed.activity import Key
from support.fleet import Fleet
from support.service import Web, until

PROJECT = "alarm"
QUICK = {"seconds": 0.5, "steps": 5, "errors": []}
LONG = {"seconds": 8, "steps": 40, "errors": []}
ANSWER_SECONDS = 5.0
RECONNECT_SECONDS = 30


class Person:
    """Asks the gateway and notes for how many seconds each refusal took."""

    def __init__(self, gateway: Web) -> None:
        self.refused: list[float] = []
        self._client = httpx.Client(base_url=gateway.url, timeout=20)

    def start(self, key: str = "", **body: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"script": QUICK, **body}
        return self._post(f"/api/projects/{PROJECT}/builds", json=body, headers=headers)

    def stop(self, key: Key) -> httpx.Response:
        return self._post("/api/projects/{}/builds/{}/stop".format(*key))

    def _post(self, path: str, **request: Any) -> httpx.Response:
        began = time.monotonic()
        answer = self._client.post(path, **request)
        if not answer.is_success:
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
            self.refused.append(time.monotonic() - began)
        return answer

    def is_ready(self) -> bool:
        return self._client.get("/readyz").is_success

    def start_until_taken(self, key: str = "") -> httpx.Response:
        """Ask again and again."""
        while not (answer := self.start(key)).is_success:
            pass
        return answer


@contextmanager
def memory_alarm(fleet: Fleet) -> Iterator[None]:
    fleet.broker.ctl("set_vm_memory_high_watermark", "0.0001")
    try:
        yield
    finally:
        fleet.broker.ctl("set_vm_memory_high_watermark", "0.4")


def unconfirmed(person: Person, name: str) -> tuple[str, httpx.Response]:
    """Return the key and the answer of the first start that is sent and not confirmed."""
    for number in itertools.count():  # the broker needs a moment for the alarm, the gateway 3 s
        key = f"{name}-{number}"
        if not (answer := person.start(key)).is_success:
            break
    assert answer.json()["sent"]
    return key, answer


@pytest.fixture
def person(fleet: Fleet) -> Person:
    fleet.until_staffed()
    fleet.until_quiet(30)
    return Person(fleet.gateway)


def build_of(answer: httpx.Response) -> Key:
    return PROJECT, str(answer.json()["build"])


def until_running(fleet: Fleet, key: Key) -> Key:
    until(lambda: fleet.ear.accepts(key), "the build runs", 60)
    return key


def assert_built_once(fleet: Fleet, key: Key) -> None:
    fleet.gateway.until_status(*key, "succeeded", RECONNECT_SECONDS)
    until(lambda: fleet.ear.endings(key), "the ending is heard", RECONNECT_SECONDS)
    for heard in (fleet.ear.accepts(key), fleet.ear.endings(key)):
        assert len({each.activity.id for each in heard}) == 1  # QoS 1: it may come twice


def test_starts_are_refused_in_time_and_none_is_lost_or_doubled(
    fleet: Fleet, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    long = [until_running(fleet, build_of(person.start(script=LONG))) for _ in range(3)]
    with ThreadPoolExecutor(4) as people, memory_alarm(fleet):
        refused = [unconfirmed(person, "k0")[1]]
        until(lambda: not person.is_ready(), "every connection is blocked")
        refused += people.map(lambda _: person.start(), range(4))
        refused += people.map(lambda _: person.start(), range(4))
        assert not person.stop(long[0]).is_success
        waiting = people.submit(person.start_until_taken)
    lifted = time.monotonic()
    taken = [waiting.result(), person.start_until_taken()]
    first = time.monotonic() - lifted
    until(person.is_ready, "/readyz", RECONNECT_SECONDS)
    ready = time.monotonic() - lifted
    taken += [person.start_until_taken() for _ in range(5)]

    for key in [*long, *map(build_of, taken)]:
        assert_built_once(fleet, key)
    maybe = {build_of(answer) for answer in refused if answer.json()["sent"]}
    for key in maybe:
        fleet.gateway.until_status(*key, "stopped", RECONNECT_SECONDS)
        assert fleet.gateway.build(*key)["stoppedBy"] == "gateway"
    never = {build_of(answer) for answer in refused} - maybe
    assert not never & {state.key for state in fleet.states()}
    assert max(person.refused) < ANSWER_SECONDS
    with capsys.disabled():
        refusals = f"{len(person.refused)} times 503, after {max(person.refused):.2f} s at most"
        then = f"first 202 {first:.2f} s after it was lifted, /readyz {ready:.2f} s"
        sys.stdout.write(f"\n{refusals}, {len(maybe)} perhaps sent; {then}\n")


def test_a_start_that_is_repeated_with_its_key_is_built_once(fleet: Fleet, person: Person) -> None:
    with ThreadPoolExecutor(2) as people, memory_alarm(fleet):
        key, first = unconfirmed(person, "k1")
        # Two, one after the other, so that at every moment one of them is waiting.
        both = [people.submit(person.start_until_taken, key)]
        wait(both, timeout=2)
        both.append(people.submit(person.start_until_taken, key))
    assert {build_of(each.result()) for each in both} == {build_of(first)}
    assert_built_once(fleet, build_of(first))


def test_a_start_that_is_repeated_at_another_gateway_is_built_once(
    fleet: Fleet, person: Person
) -> None:
    with fleet.another_gateway() as gateway, ThreadPoolExecutor(1) as people:
        other = Person(gateway.until_ready())
        with memory_alarm(fleet):
            key, first = unconfirmed(person, "k2")
            assert build_of(other.start(key)) == build_of(first)
            waiting = people.submit(other.start_until_taken, key)
        taken = waiting.result()
        for each in (person, other):
            assert build_of(each.start(key)) == build_of(taken)
    assert_built_once(fleet, build_of(taken))
    fleet.gateway.until_status(*build_of(first), "stopped", RECONNECT_SECONDS)
    assert fleet.gateway.build(*build_of(first))["stoppedBy"] == "gateway"
    assert max(other.refused) < ANSWER_SECONDS
