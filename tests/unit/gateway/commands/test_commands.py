"""Starts with a key, asked of two gateway processes on one history and one broker."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from buildfeed import build_ids
from buildfeed.activity import Activity
from buildfeed.board import BuildState
from buildfeed.errors import BrokerUnavailable
from buildfeed.history import claims
from buildfeed.history.store import Store
from buildfeed.presence import OfferedJob, Presence
from buildfeed.selection import Selection
from gateway.commands import commands, lease, publisher
from gateway.commands.admission import Admission, Most
from gateway.commands.commands import Commands
from gateway.commands.publisher import CONFIRM_SECONDS
from gateway.commands.requests import StartRequest
from gateway.problems import Problem
from gateway.queries.builds import Builds
from support.scene import Scene

WISH = StartRequest()
MOST = Most(project=1, address=0, principal=0, in_all=0, unfinished=0)


class Broker:
    """Takes what is submitted, and hands it to every process when the test says so."""

    up = True

    def __init__(self) -> None:
        self.lives = [Scene().live, Scene().live]
        self.submitted: list[tuple[Activity, Future[None]]] = []

    def submit(self, command: Activity) -> "Future[None]":
        self.submitted.append((command, Future()))
        return self.submitted[-1][1]

    def read(self) -> None:
        """Begin to take the newest command: it can no longer be taken back."""
        self.submitted[-1][1].set_running_or_notify_cancel()

    def confirm(self, number: int = -1) -> None:
        command, confirmed = self.submitted[number]
        for live in self.lives:
            live.receive(command)
        confirmed.set_result(None)

    @property
    def kinds(self) -> list[str]:
        return [command.kind for command, _ in self.submitted]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def processes(broker: Broker, tmp_path: Path) -> AsyncIterator[list[Commands]]:
    with closing(Store(f"sqlite:///{tmp_path}/history.db")) as store:
        processes = [
            Commands(
                live,
                Builds(live, store),
                store,
                broker,
                Admission(MOST),
                takes_commands=lambda: broker.up,
            )
            for live in broker.lives
        ]
        yield processes
        for process in processes:
            await process.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a start is refused after 0.3 s."""
    monkeypatch.setattr(publisher, "CONFIRM_SECONDS", 0.3)
    monkeypatch.setattr(commands, "CONFIRM_SECONDS", 0.3)


@pytest.fixture
def forgetful(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that says nothing for 0.3 s may be taken over; this test lets none renew."""
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=0.3))
    monkeypatch.setattr(lease, "SURE_SECONDS", 0.2)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 60)


async def submitted(broker: Broker, count: int) -> None:
    async with asyncio.timeout(5):
        while len(broker.submitted) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def asking(process: Commands) -> "asyncio.Task[BuildState]":
    return asyncio.create_task(process.start("acme", WISH, "key"))


async def refused(asked: "asyncio.Task[BuildState]") -> Problem:
    with pytest.raises(Problem) as refusal:
        await asked
    assert refusal.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    return refusal.value


async def given_up(broker: Broker, process: Commands) -> None:
    """Somebody asks for a start that the broker reads, does not confirm, and is refused."""
    first = asking(process)
    await submitted(broker, 1)
    broker.read()
    await refused(first)


async def test_a_repeat_elsewhere_waits_for_the_start_that_is_on_its_way(
    broker: Broker, processes: list[Commands]
) -> None:
    first = asking(processes[0])
    await submitted(broker, 1)
    again = asking(processes[1])
    await asyncio.wait([again], timeout=0.3)
    assert not again.done()

    broker.confirm()

    async with asyncio.timeout(5):
        one, other = await first, await again
    assert one.key == other.key
    assert broker.kinds == ["start"]


async def test_a_repeat_elsewhere_sends_what_was_never_sent(
    broker: Broker, processes: list[Commands]
) -> None:
    first = asking(processes[0])
    await submitted(broker, 1)
    lost, unanswered = broker.submitted[0]
    unanswered.set_exception(BrokerUnavailable(sent=False))
    with pytest.raises(Problem):
        await first

    again = asking(processes[1])
    await submitted(broker, 2)
    broker.confirm()

    assert (await again).newest.object.build == lost.object.build


async def test_a_repeat_elsewhere_is_refused_while_the_broker_stalls_and_sends_nothing(
    broker: Broker, processes: list[Commands], impatient: None
) -> None:
    await given_up(broker, processes[0])
    problem = await refused(asking(processes[1]))
    assert problem.headers["Retry-After"]
    assert problem.extra["sent"]
    assert problem.extra["build"] == broker.submitted[0][0].object.build
    assert broker.kinds == ["start"]


async def test_a_repeat_elsewhere_never_gets_the_build_that_is_being_stopped(
    broker: Broker, processes: list[Commands], impatient: None
) -> None:
    await given_up(broker, processes[0])
    broker.confirm()
    await submitted(broker, 2)  # the stop
    await refused(asking(processes[1]))

    again = asking(processes[1])
    broker.confirm()
    await submitted(broker, 3)
    broker.confirm()

    assert broker.kinds == ["start", "stop", "start"]
    assert (await again).newest.object.build == broker.submitted[2][0].object.build
    assert broker.submitted[2][0].object.build != broker.submitted[0][0].object.build


async def test_who_repeats_it_where_it_was_sent_saves_it_for_all(
    broker: Broker, processes: list[Commands], impatient: None
) -> None:
    await given_up(broker, processes[0])
    both = [asking(process) for process in processes]
    await asyncio.sleep(0.1)
    broker.confirm()
    builds = {(await each).newest.object.build for each in both}
    assert builds == {broker.submitted[0][0].object.build}
    assert broker.kinds == ["start"]


async def test_a_start_whose_sender_died_is_sent_by_whoever_is_asked_next(
    broker: Broker, processes: list[Commands], forgetful: None
) -> None:
    await given_up(broker, processes[0])
    await processes[0].close()
    again = asking(processes[1])
    await submitted(broker, 2)
    broker.confirm()
    build = (await again).newest.object.build
    assert [command.object.build for command, _ in broker.submitted] == [build, build]


async def test_a_start_that_arrived_before_its_sender_died_is_not_sent_again(
    broker: Broker, processes: list[Commands], forgetful: None
) -> None:
    await given_up(broker, processes[0])
    await processes[0].close()
    broker.confirm()
    again = await asking(processes[1])
    assert again.newest == broker.submitted[0][0]
    assert broker.kinds == ["start"]


async def test_who_stood_still_stops_nothing_that_was_taken_over(
    broker: Broker, processes: list[Commands], forgetful: None
) -> None:
    await given_up(broker, processes[0])
    again = asking(processes[1])
    await submitted(broker, 2)
    broker.confirm()
    key = (await again).key
    assert processes[0]._in_flight.under_way(key)
    broker.confirm(0)
    async with asyncio.timeout(5):
        while processes[0]._in_flight.under_way(key):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert broker.kinds == ["start", "start"]


async def test_what_its_project_may_not_start_yet_may_be_started_elsewhere(
    broker: Broker, processes: list[Commands]
) -> None:
    first = asyncio.create_task(processes[0].start("acme", WISH, None))
    await submitted(broker, 1)
    with pytest.raises(Problem) as refusal:
        await asking(processes[0])
    assert refusal.value.status == HTTPStatus.TOO_MANY_REQUESTS
    other = asking(processes[1])
    await submitted(broker, 2)
    for number in range(2):
        broker.confirm(number)
    await asyncio.gather(first, other)


async def test_a_broker_that_is_known_to_be_away_is_sent_nothing(
    broker: Broker, processes: list[Commands]
) -> None:
    broker.up = False
    began = asyncio.get_running_loop().time()
    for problem in (await refused(asking(processes[0])), await refused(asking(processes[1]))):
        assert problem.extra["sent"] is False
    with pytest.raises(Problem):
        await processes[0].stop("acme", build_ids.new(), by="ada")
    assert asyncio.get_running_loop().time() - began < CONFIRM_SECONDS
    assert broker.submitted == []

    again = asking(processes[1])
    broker.up = True  # in the moment that it is waited for
    await submitted(broker, 1)
    broker.confirm()
    await again


async def test_refused_starts_leave_no_keys_behind(
    broker: Broker, processes: list[Commands], tmp_path: Path
) -> None:
    first = asyncio.create_task(processes[0].start("acme", WISH, "key"))
    await submitted(broker, 1)
    broker.confirm()
    build = (await first).key
    for number in range(20):
        with pytest.raises(Problem):
            await processes[0].start("acme", WISH, f"other{number}")
    again = await processes[0].start("acme", WISH, "key")
    assert again.key == build
    with closing(sqlite3.connect(tmp_path / "history.db")) as history:
        assert history.execute("SELECT key FROM starts").fetchall() == [("key",)]


async def test_builds_that_are_about_to_be_count_as_unfinished(
    broker: Broker, processes: list[Commands]
) -> None:
    processes[0]._admission = Admission(
        Most(project=0, address=0, principal=0, in_all=0, unfinished=2)
    )
    two = [asyncio.create_task(processes[0].start("acme", WISH, None)) for _ in range(2)]
    await submitted(broker, 2)
    with pytest.raises(Problem) as refusal:
        await processes[0].start("acme", WISH, None)
    assert refusal.value.slug == "queue-full"
    for number in range(2):
        broker.confirm(number)
    await asyncio.gather(*two)
    with pytest.raises(Problem):
        await processes[0].start("acme", WISH, None)


async def test_of_many_keys_at_once_those_that_are_refused_stay_free(
    broker: Broker, processes: list[Commands], tmp_path: Path
) -> None:
    asked = [
        asyncio.create_task(processes[0].start("acme", WISH, f"key-{number}"))
        for number in range(8)
    ]
    await submitted(broker, 1)
    broker.confirm()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, BuildState) for each in answers) == 1
    await processes[0].close()
    with closing(sqlite3.connect(tmp_path / "history.db")) as database:
        assert database.execute("SELECT count(*) FROM starts").fetchone() == (1,)


async def test_a_build_started_here_is_newer_than_one_of_a_gateway_whose_clock_is_ahead(
    broker: Broker, processes: list[Commands], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    with monkeypatch.context() as tomorrow:
        tomorrow.setattr("buildfeed.build_ids.time.time_ns", lambda: now + 86_400 * 10**9)
        first = asyncio.create_task(processes[0].start("acme", WISH, None))
        await submitted(broker, 1)
        broker.confirm()
        ahead = (await first).newest.object.build
    second = asyncio.create_task(processes[1].start("acme", WISH, None))
    await submitted(broker, 2)
    broker.confirm()
    build = (await second).newest.object.build
    assert build > ahead
    assert (
        await processes[0]._builds.latest("acme", Selection(everything=True))
    ).newest.object.build == build
    # The build is young, whatever its id says: it may be stopped where nobody has heard of it yet.
    assert commands._young(build, 60)


async def test_a_job_that_no_worker_has_is_refused_where_workers_are_known(
    broker: Broker, processes: list[Commands]
) -> None:
    wish = StartRequest(job="deploy")
    broker.up = False
    with pytest.raises(Problem) as refusal:  # nobody is known: the broker would be asked
        await processes[0].start("acme", wish, None)
    assert refusal.value.slug != "no-such-job"

    broker.up = True
    broker.lives[0].hear(Presence("w1", "online", slots=1, jobs=(OfferedJob("acme", "test"),)))
    with pytest.raises(Problem) as refusal:
        await processes[0].start("acme", wish, None)
    assert (refusal.value.status, refusal.value.slug) == (422, "no-such-job")
    assert "They have test." in refusal.value.detail
    assert not broker.submitted


async def test_a_start_is_repeated_though_the_worker_with_its_job_has_left(
    broker: Broker, processes: list[Commands]
) -> None:
    wish = StartRequest(job="deploy")
    worker = Presence("w1", "online", slots=1, jobs=(OfferedJob("acme", "deploy"),))
    broker.lives[0].hear(worker)
    first = asyncio.create_task(processes[0].start("acme", wish, "key"))
    await submitted(broker, 1)
    broker.confirm()
    build = (await first).newest.object.build

    broker.lives[0].hear(Presence("w2", "online"))
    broker.lives[0].hear(Presence("w1", "offline"))
    assert (await processes[0].start("acme", wish, "key")).newest.object.build == build
