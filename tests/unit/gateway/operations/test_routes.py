"""What operators are told, and what of it follows from what they may read."""

from typing import Any

import httpx
import msgspec

from buildfeed.grants import Grants
from buildfeed.presence import OfferedJob, Presence
from gateway.access.directory import Directory
from gateway.http.answers import DeadLettersAnswer, OperationsAnswer
from gateway.operations.dead_letter_routes import DeadLetterRoutes
from gateway.operations.metrics import Metrics
from gateway.operations.routes import NAMED, Operations
from gateway.state.counters import Counters
from support.a_process import VITALS
from support.builders import accept, start
from support.held_tokens import Held
from support.scene import Scene
from support.signed_in import Application, bearer, links

JOBS = OfferedJob("acme", "deploy", ("stage",)), OfferedJob("secret", "default")


class Site:
    """A gateway without RabbitMQ, with the builds of a scene."""

    def __init__(self, tokens: Held) -> None:
        self.scene = Scene()
        metrics = Metrics(self.scene.live, Counters(), lambda: VITALS)
        operations = Operations(self.scene.live, metrics, None, None)
        letters = DeadLetterRoutes(None, links())
        self._app = Application(
            Directory(tokens, Grants()), [*operations.routes(), *letters.routes()]
        )
        self._tokens = tokens

    async def ask(self, method: str, path: str, *grants: str) -> httpx.Response:
        name = f"p{len(self._tokens.all())}"
        _, secret = self._tokens.add(name, Grants.parse(grants))
        async with self._app.client() as client:
            return await client.request(method, path, headers=bearer(secret))

    async def told(self, *grants: str) -> OperationsAnswer:
        answer = await self.ask("GET", "/api/operations", *grants)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=OperationsAnswer)


def slug(answer: httpx.Response) -> str:
    body: dict[str, Any] = answer.json()
    return str(body["type"]).rpartition(":")[2]


async def test_who_may_operate_and_read_is_told_what_each_worker_runs_and_offers(
    tokens: Held,
) -> None:
    site = Site(tokens)
    site.scene.live.hear(Presence("w1", "online", slots=2, lag_ms=3, jobs=JOBS))
    site.scene.receive(accept(build="b1"), start("b2"))
    now = await site.told("operator")
    (worker,) = now.workers
    assert (worker.worker, worker.running, worker.slots, worker.lag_ms) == ("w1", 1, 2, 3)
    assert [(each.project, each.build) for each in worker.builds] == [("acme", "b1")]
    assert [(each.project, each.job) for each in worker.jobs] == [
        ("acme", "deploy"),
        ("secret", "default"),
    ]
    assert (worker.offered, worker.pretends) == (2, False)
    assert (now.queued["normal"], now.running, now.dead, now.queues) == (1, 1, None, None)
    (process,) = now.processes
    assert process.watchers == {"socketio": 7, "sse": 2}


async def test_figures_are_all_that_operate_alone_shows(tokens: Held) -> None:
    site = Site(tokens)
    site.scene.live.hear(Presence("w1", "online", slots=2, jobs=JOBS))
    site.scene.receive(accept(build="b1"), accept(build="b2", project="other"))
    (worker,) = (await site.told("operate")).workers
    assert (worker.running, worker.builds, worker.jobs, worker.offered) == (2, [], [], 0)
    (worker,) = (await site.told("operate", "viewer@other")).workers
    assert [(each.project, each.build) for each in worker.builds] == [("other", "b2")]
    assert worker.jobs == []


async def test_of_much_the_first_are_named(tokens: Held) -> None:
    site = Site(tokens)
    jobs = tuple(OfferedJob("acme", f"j{number}") for number in range(NAMED + 5))
    site.scene.live.hear(Presence("w1", "online", slots=90, jobs=jobs))
    site.scene.receive(*(accept(build=f"b{number}") for number in range(NAMED + 3)))
    (worker,) = (await site.told("operator")).workers
    assert (len(worker.builds), worker.running) == (NAMED, NAMED + 3)
    assert (len(worker.jobs), worker.offered) == (NAMED, NAMED + 5)


async def test_many_workers_are_told_as_others(tokens: Held) -> None:
    site = Site(tokens)
    site.scene.receive(*(accept(build=f"b{n}", worker=f"w{n}") for n in range(510)))
    now = await site.told("operator")
    assert len(now.workers) == 501
    assert (now.workers[-1].worker, now.workers[-1].builds) == ("(others)", [])


async def test_others_are_refused(tokens: Held) -> None:
    site = Site(tokens)
    for method, path in (
        ("GET", "/api/operations"),
        ("GET", "/api/dead"),
        ("POST", "/api/dead/acme/b1/retry"),
        ("DELETE", "/api/dead/acme/b1"),
    ):
        answer = await site.ask(method, path, "builder@*")
        assert (answer.status_code, answer.json()["grant"]) == (403, "operate"), path


async def test_without_rabbitmq_no_start_is_given_up(tokens: Held) -> None:
    site = Site(tokens)
    answer = await site.ask("GET", "/api/dead", "operator")
    dead = msgspec.json.decode(answer.content, type=DeadLettersAnswer)
    assert (dead.kept, dead.letters) == (False, [])
    for method, path in (("POST", "/api/dead/acme/b1/retry"), ("DELETE", "/api/dead/acme/b1")):
        answer = await site.ask(method, path, "operator")
        assert (answer.status_code, slug(answer)) == (404, "unknown-dead-letter")


async def test_to_retry_is_to_start_and_to_drop_is_to_stop(tokens: Held) -> None:
    site = Site(tokens)
    for method, path, grant in (
        ("POST", "/api/dead/acme/b1/retry", "start:acme"),
        ("DELETE", "/api/dead/acme/b1", "stop:acme"),
    ):
        answer = await site.ask(method, path, "operate", "viewer@acme")
        assert (answer.status_code, answer.json()["grant"]) == (403, grant)
        answer = await site.ask(method, path, "operate", "viewer@acme", grant)
        assert (answer.status_code, slug(answer)) == (404, "unknown-dead-letter")
        hidden = await site.ask(method, path, "operate", grant)
        assert (hidden.status_code, slug(hidden)) == (404, "unknown-build")


async def test_what_is_no_name_or_asks_for_more_is_refused(tokens: Held) -> None:
    site = Site(tokens)
    answer = await site.ask("DELETE", "/api/dead/acme/No.Name", "operator")
    assert (answer.status_code, slug(answer)) == (400, "bad-name")
    for method, path in (
        ("GET", "/api/operations"),
        ("GET", "/api/dead"),
        ("POST", "/api/dead/acme/b1/retry"),
    ):
        answer = await site.ask(method, f"{path}?all=1", "operator")
        assert (answer.status_code, slug(answer)) == (400, "bad-query")
