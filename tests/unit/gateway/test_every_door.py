"""Every route and every event of the application asks who is there; a new one has to, too.

The application is the real one, with its routing table and its parts, on a history and a board that
hold builds of two projects. It has no broker: nothing that is asked here may get that far.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route

from buildfeed.grants import Grants
from buildfeed.history.store import Store
from gateway.access.access import Access
from gateway.access.clients import Clients
from gateway.access.credentials import Shown
from gateway.access.paths import OWN, SOCKETS, Paths
from gateway.access.proxies import Proxies
from gateway.app import Gateway
from gateway.drain import Drain
from gateway.settings import Settings
from gateway.transports.socket_io import EVENTS
from gateway.transports.subscriptions import Subscriptions
from support.builders import accept, ending, error, log, start
from support.held_tokens import Held
from support.jwts import SETTINGS
from support.pollers import Poller
from support.signed_in import Application, bearer
from support.watchers import Watcher

OPEN_TO_ALL = {
    "/": "the page, which holds no data",
    "/projects/{project}": "the page",
    "/projects/{project}/builds/{build}": "the page",
    "/operations": "a page that holds no data: it asks /api/operations",
    "/embed/{project}": "a page that holds no data, for frames: it watches as who looks",
    "/login": "the page where one signs in",
    "/phone": "a page that holds no data: it asks /api/phone",
    "/login/oidc": "it leads to the provider, where one signs in",
    "/login/oidc/callback": "the code of the provider says who it is",
    "/favicon.svg": "a file of the page",
    "/manifest.webmanifest": "a file of the page",
    "/assets/{version}/{path:path}": "files of the page",
    "/icons/{path:path}": "files of the page",
    "/scripts/{path:path}": "files of the page",
    "/styles/{path:path}": "files of the page",
    "/vendor/{path:path}": "files of the page",
    "/healthz": "a load balancer has no token",
    "/readyz": "a load balancer has no token",
    "/api/openapi.json": "it describes the API, the same to everybody",
    "/api/asyncapi.json": "it describes the topics and events, the same to everybody",
    "/api/session": "it says that nobody is signed in, takes tokens and signs out",
    "/s/{secret}": "the link is the token",
    SOCKETS: "the connect of Socket.IO is asked: see below",
    f"{SOCKETS}/": "the same",
}
"""The routes that answer somebody who is not signed in, and why."""

SECRETS = "acme", "b-secret", "grace-secret", "w-secret", "text-secret"
"""What nobody may learn who may read the project other only."""
QUERIES = {"/api/events": "?watch=builds/{project}/%23"}
BODIES = {"share": {"hours": 1}}


class World:
    """A gateway, whose history and board have the same two builds in each project."""

    def __init__(self, store: Store, tokens: Held, url: str, anonymous: Grants) -> None:
        settings = Settings(
            mqtt_url="mqtt://127.0.0.1:1",
            amqp_url=None,
            database_url=url,
            host="127.0.0.1",
            port=1,
            anonymous=anonymous,
            oidc=SETTINGS,
        )
        paths = Paths()
        clients = Clients(Proxies([]), 0, 0)
        self.gateway = Gateway(settings, store, Drain(0), clients, Access([]), paths=paths)
        self.gateway.directory._tokens = tokens
        self.routes = list(self.gateway.routes())
        self.app = Application(self.gateway.directory, self.routes)
        self.transport, self.live = self.gateway.socket_io, self.gateway._live

    def client(self) -> httpx.AsyncClient:
        return self.app.client("http://127.0.0.1:8000")

    def methods(self) -> Iterator[tuple[str, str]]:
        """Yield each method and path of the routing table."""
        for route in self.routes:
            assert isinstance(route, Route | Mount), f"{route} is of a kind that nobody checks"
            methods = (getattr(route, "methods", None) or {"GET", "POST"}) - {"HEAD"}
            yield from ((method, route.path) for method in sorted(methods))

    def checked(self) -> Iterator[tuple[str, str]]:
        """Yield those that have to ask who is there."""
        return (each for each in self.methods() if each[1] not in OPEN_TO_ALL)


@pytest.fixture
async def make(
    database_url: str, tokens: Held, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., World]]:
    monkeypatch.setattr("buildfeed.history.retention.SWEEP_SECONDS", 3600)
    with closing(Store(database_url)) as store:
        facts: dict[str, Any] = {"worker": "w-secret", "by": "grace-secret"}
        old = [start("b-secret-old", project="acme"), ending(build="b-secret-old", **facts)]
        store.append([*old, start("o1", project="other"), ending(build="o1", project="other")])

        def world(*anonymous: str) -> World:
            made = World(store, tokens, database_url, Grants.parse(anonymous))
            live = made.gateway._live
            for project, build in (("acme", "b-secret"), ("other", "o2")):
                about = {"project": project, "build": build}
                live.receive(start(**about))
                live.receive(accept(**about, **(facts if project == "acme" else {})))
                live.receive(error("text-secret" if project == "acme" else "text", 5, **about))
            return made

        yield world


@pytest.fixture
def database_url(sqlite_template: Any, tmp_path: Any) -> str:
    path = tmp_path / "history.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


async def ask(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    project: str = "acme",
    build: str = "b-secret",
    **headers: str,
) -> httpx.Response:
    url = (path + QUERIES.get(path, "")).format(project=project, build=build)
    body = {"json": BODIES.get(path.rpartition("/")[2], {})} if method == "POST" else {}
    return await client.request(method, url, headers=headers, **body)  # type: ignore[arg-type]


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


async def test_the_routes_that_ask_nobody_are_those_that_are_named(
    make: Callable[..., World],
) -> None:
    world = make()
    paths = {path for _, path in world.methods()}
    assert paths & OPEN_TO_ALL.keys() >= OPEN_TO_ALL.keys() - {"/login"}
    assert len(list(world.checked())) >= 9


async def test_the_root_of_a_proxy_cannot_begin_as_a_route_does(
    make: Callable[..., World],
) -> None:
    begins = {path.split("/")[1] for _, path in make().methods()} - {""}
    assert begins | {SOCKETS.strip("/")} == OWN


async def test_without_a_token_each_route_asks_for_one(make: Callable[..., World]) -> None:
    world = make()
    async with world.client() as client:
        for method, path in world.checked():
            for project, build in (("acme", "b-secret"), ("nowhere", "b9"), ("acme", "latest")):
                answer = await ask(client, method, path, project=project, build=build)
                assert (answer.status_code, slug(answer)) == (401, "not-signed-in"), (method, path)
                assert answer.headers["www-authenticate"].startswith("Bearer")
                text = answer.text.replace("/acme/", "")
                assert not [each for each in SECRETS if each in text], (method, path, text)


async def test_with_a_token_that_grants_nothing_each_route_refuses(
    make: Callable[..., World], tokens: Held
) -> None:
    world = make()
    _, secret = tokens.add("nobody", Grants())
    async with world.client() as client:
        for method, path in world.checked():
            answer = await ask(client, method, path, **bearer(secret))
            if path in ("/api/builds", "/api/projects"):
                assert answer.json() == {path.rpartition("/")[2]: [], "next": None}
            else:
                assert answer.status_code in (403, 404), (method, path, answer.text)


@pytest.mark.parametrize("grants", [("viewer@other",), ("builder@other", "runner@other")])
async def test_of_another_project_nothing_is_learned(
    make: Callable[..., World], tokens: Held, grants: tuple[str, ...]
) -> None:
    """What is hidden is answered like what is not there, to the last byte."""
    world = make()
    _, secret = tokens.add("bob", Grants.parse(grants))
    headers = bearer(secret)
    async with world.client() as client:
        for method, path in world.checked():
            nothing = await ask(
                client, method, path, project="nowhere", build="b-nothing", **headers
            )
            for build in ("b-secret", "b-secret-old", "b-none"):
                hidden = await ask(client, method, path, project="acme", build=build, **headers)
                said = hidden.text.replace("acme", "nowhere").replace(build, "b-nothing")
                assert (hidden.status_code, said) == (nothing.status_code, nothing.text), path
                if path.startswith("/api/dead"):
                    assert (hidden.status_code, slug(hidden)) == (403, "not-allowed"), path
                elif "{build}" in path and not path.endswith("/stop"):
                    assert (hidden.status_code, slug(hidden)) == (404, "unknown-build"), path
                elif path.startswith("/badge/"):
                    assert (hidden.status_code, slug(hidden)) == (404, "unknown-project"), path
                elif "{" in path or path in QUERIES:
                    assert (hidden.status_code, slug(hidden)) == (403, "not-allowed"), path
            assert not [each for each in SECRETS[1:] if each in nothing.text], (method, path)
        latest = await ask(
            client, "GET", "/api/projects/{project}/builds/{build}", build="latest", **headers
        )
        assert (latest.status_code, slug(latest)) == (404, "unknown-build")
    assert len(world.gateway._commands._in_flight) == 0
    assert len(tokens.all()) == 1


async def test_lists_hold_and_count_what_is_ones_own(
    make: Callable[..., World], tokens: Held
) -> None:
    world = make()
    _, secret = tokens.add("bob", Grants.parse(["viewer@other"]))
    async with world.client() as client:

        async def listed(query: str) -> tuple[list[str], str | None]:
            answer = await client.get(f"/api/builds{query}", headers=bearer(secret))
            assert answer.status_code == 200
            body = answer.json()
            return [each["build"] for each in body["builds"]], body["next"]

        assert await listed("") == (["o2", "o1"], None)
        assert await listed("?limit=1") == (["o2"], "o2.other")
        assert await listed("?limit=1&before=o2.other") == (["o1"], "o1.other")
        assert await listed("?before=o1.other") == ([], None)
        assert await listed("?before=b-secret-x") == ([], None)
        assert await listed("?project=acme") == ([], None)
        assert await listed("?project=nowhere") == ([], None)
        assert await listed("?status=running") == (["o2"], None)
        assert await listed("?project=other&status=failed") == ([], None)


async def test_a_badge_shows_what_is_ones_own(make: Callable[..., World], tokens: Held) -> None:
    world = make()
    _, whole = tokens.add("bob", Grants.parse(["viewer@other"]))
    _, single = tokens.add("eve", Grants.parse(["read:builds/other/o2/#"]))
    async with world.client() as client:

        async def word(secret: str) -> str:
            answer = await client.get("/badge/other.svg", headers=bearer(secret))
            assert answer.status_code == 200
            return answer.text.partition("<title>other: ")[2].partition("<")[0]

        assert await word(whole) == "succeeded"
        assert await word(single) == "no builds"  # the one of eve has not ended
        world.live.receive(ending(build="o2", project="other", status="failed"))
        assert await word(single) == await word(whole) == "failed"
    everybody = make("viewer@acme")
    async with everybody.client() as client:
        assert "acme: succeeded" in (await client.get("/badge/acme.svg")).text


async def test_kinds_that_are_not_granted_are_neither_listed_nor_counted(
    make: Callable[..., World], tokens: Held
) -> None:
    world = make()
    world.gateway._store.append(
        [start("o3", project="other"), error("text", 5, build="o3", project="other")]
    )
    _, secret = tokens.add("bob", Grants.parse(["read:builds/other/+/start"]))
    url = "/api/projects/other/builds/o3/activities"
    async with world.client() as client:
        whole = await client.get(url, headers=bearer(secret))
        assert whole.json()["totalItems"] == 1
        page = await client.get(f"{url}?after=0", headers=bearer(secret))
        assert [each["type"] for each in page.json()["orderedItems"]] == ["Offer"]
        refused = await client.get(f"{url}?kind=error,log", headers=bearer(secret))
        assert (refused.status_code, slug(refused)) == (403, "not-allowed")


async def test_a_command_is_of_who_asks(make: Callable[..., World], tokens: Held) -> None:
    world = make()
    _, secret = tokens.add("bob", Grants.parse(["builder@other"]))
    async with world.client() as client:
        for path in ("builds", "builds/o2/stop"):
            answer = await client.post(
                f"/api/projects/other/{path}", json={"by": "eve"}, headers=bearer(secret)
            )
            assert (answer.status_code, slug(answer)) == (422, "bad-field")


# --- the events of socket.io

SAID = {
    "watch": ["builds/acme/#"],
    "unwatch": ["builds/acme/#"],
    "auth": ["bf_nobody"],
}
"""An argument for each event, of what one may not read."""


async def test_before_the_connect_no_event_is_taken_and_without_a_token_no_connect(
    make: Callable[..., World],
) -> None:
    world = make()
    assert set(SAID) == set(EVENTS), "say here what a new event is asked"
    for event in EVENTS:
        poller = Poller(world)
        with pytest.raises(Exception, match="no packet"):
            await poller.say(f'420["{event}","builds/acme/#"]')
    poller = Poller(world)
    for auth in ("", '{"watch":"builds/acme/#"}', '{"watch":"builds/nowhere/#"}'):
        await poller.say(f"40{auth}")
        (answer,) = await poller.poll()
        assert answer.startswith("44")
        assert '"not-signed-in"' in answer
        assert "acme" not in answer


@pytest.mark.parametrize("by", ["websocket", "polling"])
async def test_no_event_tells_of_another_project(
    make: Callable[..., World], tokens: Held, by: str
) -> None:
    world = make()
    _, secret = tokens.add("bob", Grants.parse(["viewer@other"]))
    watcher = Watcher(world, by, Shown(host="127.0.0.1:8000"))
    assert "sid" in await watcher.connect(token=secret, watch="#")
    for event in EVENTS:
        (argument,) = SAID[event]
        hidden = await watcher.ask(event, argument)
        nothing = await watcher.ask(event, argument.replace("acme", "nowhere"))
        assert str(hidden).replace("acme", "nowhere") == str(nothing), event
    for activity in (
        accept(attempt=2, build="b-secret", worker="w-secret"),
        error("text-secret", 7, attempt=2, build="b-secret", worker="w-secret"),
        log("text-secret", 8, build="b-secret"),
        start("b-secret-2"),
        ending(attempt=2, build="b-secret"),
        ending(build="o2", project="other"),
    ):
        world.live.receive(activity)
    await watcher.until('42["build",{"project":"other","build":"o2","kind":"status"')
    told = "".join(await watcher.heard())
    assert not [each for each in SECRETS[1:] if each in told]


async def test_who_comes_in_is_asked_in_one_place(make: Callable[..., World]) -> None:
    """Both transports of watchers ask `narrowed`; a third has to be added here."""
    world = make()
    labels = {each.label for each in world.gateway._transports}
    assert labels == {"socketio", "sse"}
    assert isinstance(world.gateway.socket_io._subscriptions, Subscriptions)
