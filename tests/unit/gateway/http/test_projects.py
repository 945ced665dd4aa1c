"""The projects that one may know of: their newest builds, figures and jobs."""

from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from buildfeed import names
from buildfeed.activity import Activity, Status
from buildfeed.grants import Grants
from buildfeed.history import statistics
from buildfeed.history.store import Store
from buildfeed.presence import OfferedJob, Presence
from gateway.access.directory import Directory
from gateway.http.projects import ProjectList
from gateway.queries.projects import Projects
from gateway.state.live import Live
from support.builders import ending, start
from support.held_tokens import Held
from support.samples import NOW
from support.signed_in import Application, bearer

DAY_MS = 24 * 3600 * 1000


class Site:
    """A gateway at the moment NOW."""

    def __init__(self, store: Store, tokens: Held) -> None:
        self.store = store
        self.live = Live(lambda _event: None, lambda: 0.0)
        projects = ProjectList(self.live, Projects(self.live, store.statistics()))
        directory = Directory(tokens, Grants.parse([]))
        self.client = Application(directory, projects.routes()).client()
        self._tokens = tokens
        self._secrets: dict[str, str] = {}

    async def ask(self, grant: str, query: str = "") -> dict[str, Any]:
        if grant not in self._secrets:
            name = f"p{len(self._secrets)}"
            _, self._secrets[grant] = self._tokens.add(name, Grants.parse([grant]))
        answer = await self.client.get(
            f"/api/projects{query}", headers=bearer(self._secrets[grant])
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def projects(self, grant: str = "viewer@*", query: str = "") -> dict[str, dict[str, Any]]:
        found = (await self.ask(grant, query))["projects"]
        return {each["project"]: each for each in found}


@pytest.fixture
async def site(
    database_url: str, tokens: Held, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    class Clock:
        @staticmethod
        def now(_zone: object) -> object:
            return NOW

    monkeypatch.setattr("gateway.http.projects.datetime", Clock)
    with closing(Store(database_url)) as store:
        site = Site(store, tokens)
        async with site.client:
            yield site


def id_of(days_ago: float) -> str:
    made = int(NOW.timestamp() * 1000 - days_ago * DAY_MS)
    return names.build_id(made, bytes(10))


def ended(days_ago: float, status: Status, seconds: float = 10, project: str = "acme") -> Activity:
    started = NOW - timedelta(seconds=seconds)
    return ending(status, build=id_of(days_ago), project=project, start_time=started)


async def test_a_project_has_the_figures_of_30_days(site: Site) -> None:
    site.store.append(
        [
            *(ended(31, "failed"), ended(29, "failed"), ended(5, "succeeded", 20)),
            *(ended(4, "succeeded", 40), ended(3, "succeeded", 90), ended(2, "stopped")),
        ]
    )
    acme = (await site.projects())["acme"]
    assert (acme["builds"], acme["succeeded"], acme["seconds"]) == (5, 0.75, 40)
    assert acme["newest"]["build"] == id_of(2)


async def test_the_newest_build_may_be_on_the_board_alone(site: Site) -> None:
    site.store.append([ended(2, "failed")])
    site.live.receive(start(id_of(1)))
    site.live.receive(start(id_of(1), project="new"))
    found = await site.projects()
    assert {name: each["newest"]["build"] for name, each in found.items()} == {
        "acme": id_of(1),
        "new": id_of(1),
    }
    assert (found["new"]["builds"], found["new"]["succeeded"], found["new"]["seconds"]) == (
        *(0, None, None),
    )


async def test_they_come_in_pages(site: Site) -> None:
    site.store.append([ended(1, "failed", project=f"p{number}") for number in range(5)])
    site.live.receive(start("b1", project="p0a"))
    found, query = [], "?limit=2"
    while query:
        page = await site.ask("viewer@*", query)
        found += [each["project"] for each in page["projects"]]
        query = f"?limit=2&after={page['next']}" if page["next"] else ""
    assert found == ["p0", "p0a", "p1", "p2", "p3", "p4"]


async def test_a_page_counts_the_builds_of_its_own_projects_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[dict[str, dict[str, int]]] = []
    count = statistics._statuses

    def noted(*args: Any) -> dict[str, dict[str, int]]:
        counted.append(count(*args))
        return counted[-1]

    monkeypatch.setattr(statistics, "_statuses", noted)
    site.store.append([ended(1, "failed", project=f"p{number}") for number in range(5)])
    assert [*await site.projects(query="?limit=1&after=p1")] == ["p2"]
    assert [list(each) for each in counted] == [["p2", "p3"]]  # one more, to know that one follows
    assert await site.projects(query="?after=p4") == {}


async def test_builds_of_over_a_year_are_no_durations_of_a_job(site: Site) -> None:
    made_up = ending(build=id_of(1), job="unit", start_time=datetime(1970, 1, 1, tzinfo=UTC))
    started = NOW - timedelta(seconds=9)
    site.store.append([made_up, ending(build=id_of(2), job="unit", start_time=started)])
    assert site.store.statistics().durations("acme", "unit", 1) == [(id_of(2), 9.0)]


async def test_one_sees_what_one_may_read(site: Site) -> None:
    site.store.append([ended(1, "failed"), ended(2, "succeeded"), ended(1, "failed", project="b")])
    single = await site.projects(f"read:builds/acme/{id_of(2)}/#")
    assert list(single) == ["acme"]
    assert (single["acme"]["builds"], single["acme"]["succeeded"]) == (1, 1)
    assert list(await site.projects("viewer@b")) == ["b"]
    assert await site.projects("viewer@c") == {}


async def test_jobs_are_those_of_online_workers(site: Site) -> None:
    def offer(worker: str, status: Any, *jobs: tuple[str, str, tuple[str, ...]]) -> None:
        offered = tuple(OfferedJob(project, job, parameters) for project, job, parameters in jobs)
        site.live.hear(Presence(worker, status, slots=1, jobs=offered))

    offer("w1", "online", ("acme", "unit", ("stage",)), ("fresh", "deploy", ()))
    offer("w2", "online", ("acme", "unit", ("target",)))
    offer("w3", "offline", ("acme", "gone", ()))
    site.store.append([ended(1, "failed")])
    found = await site.projects()
    assert found["acme"]["jobs"] == [{"job": "unit", "parameters": ["stage", "target"]}]
    assert found["fresh"]["newest"] is None
    assert (await site.projects(f"read:builds/acme/{id_of(1)}/#"))["acme"]["jobs"] == []
    assert (await site.projects("builder@fresh"))["fresh"]["jobs"]


async def test_who_is_nobody_is_told_to_sign_in(site: Site) -> None:
    assert (await site.client.get("/api/projects")).status_code == 401
