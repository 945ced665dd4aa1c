"""The endpoint of badges: what it shows to whom, and who keeps it for how long."""

from collections.abc import AsyncIterator
from contextlib import closing

import httpx
import pytest

from buildfeed.activity import Activity
from buildfeed.grants import Grants
from buildfeed.history.store import Store
from gateway.access.directory import Directory
from gateway.http.badges import Badges
from gateway.queries.builds import Builds
from gateway.state.live import Live
from support.builders import accept, ending, start
from support.held_tokens import Held
from support.signed_in import Application, bearer, links


class Site:
    """A gateway with badges; `client` is at an address that the operator has named."""

    def __init__(self, store: Store, tokens: Held) -> None:
        self.store, self.tokens = store, tokens
        self.live = Live(lambda _event: None, lambda: 0.0)
        directory = Directory(tokens, Grants.parse(["viewer@acme"]))
        self._app = Application(directory, Badges(Builds(self.live, store), links()).routes())
        self.client = self._app.client()

    def receive(self, *activities: Activity) -> None:
        for activity in activities:
            self.live.receive(activity)

    async def get(self, path: str = "/badge/acme.svg", **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def word(self) -> str:
        answer = await self.get()
        assert answer.status_code == 200, answer.text
        return answer.text.partition("<title>acme: ")[2].partition("</title>")[0]


@pytest.fixture
async def site(database_url: str, tokens: Held) -> AsyncIterator[Site]:
    with closing(Store(database_url)) as store:
        site = Site(store, tokens)
        async with site.client:
            yield site


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


async def test_it_says_how_the_newest_build_that_has_ended_went(site: Site) -> None:
    assert await site.word() == "no builds"
    site.store.append([start("b1"), ending(build="b1", status="stopped")])
    assert await site.word() == "stopped"
    site.receive(start("b2"), accept(build="b2"))
    assert await site.word() == "stopped"
    site.receive(ending(build="b2", status="succeeded"))
    site.receive(start("b0"), ending(build="b0", status="failed"))  # older, and ended later
    site.receive(start("c1", project="other"), ending(build="c1", project="other"))
    assert await site.word() == "succeeded"
    site.store.append([start("b3"), ending(build="b3", status="failed")])
    assert await site.word() == "failed"


async def test_it_may_be_of_one_job(site: Site) -> None:
    site.store.append([ending(build="b1", status="succeeded", job="unit")])
    site.receive(ending(build="b2", status="failed", job="deploy"))
    site.store.append([ending(build="b3", status="stopped")])

    async def word(query: str) -> str:
        answer = await site.get(f"/badge/acme.svg{query}")
        return answer.text.partition("<title>acme")[2].partition("</title>")[0]

    assert await word("?job=unit") == " unit: succeeded"
    assert await word("?job=deploy") == " deploy: failed"
    assert await word("?job=lint") == " lint: no builds"
    assert await word("") == ": stopped"
    assert (await site.get("/badge/acme.svg?job=No.Name")).status_code == 400


async def test_a_board_that_has_everything_is_enough(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.receive(start("b1"), ending(build="b1", status="succeeded"))
    site.live.board.history_read(whole=True)
    monkeypatch.setattr(site.store, "newest", None)
    assert await site.word() == "succeeded"


async def test_it_is_kept_for_30_seconds_and_then_asked_for_by_its_tag(site: Site) -> None:
    first = await site.get()
    assert first.headers["content-type"].startswith("image/svg+xml")
    assert first.headers["cache-control"] == "public, max-age=30"
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = await site.get(**{"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert same.headers["cache-control"] == first.headers["cache-control"]
    site.receive(start("b1"), ending(build="b1"))
    other = await site.get(**{"If-None-Match": tag})
    assert other.status_code == 200
    assert other.headers["etag"] != tag
    head = await site.client.head("/badge/acme.svg")
    assert (head.status_code, head.headers["etag"]) == (200, other.headers["etag"])


async def test_what_one_may_not_read_is_not_there(site: Site) -> None:
    _, secret = site.tokens.add("bob", Grants.parse(["viewer@other"]))
    answer = await site.get(**bearer(secret))
    assert (answer.status_code, slug(answer)) == (404, "unknown-project")
    answer = await site.get("/badge/other.svg")
    assert (answer.status_code, slug(answer)) == (401, "not-signed-in")
    answer = await site.get("/badge/other.svg", **bearer(secret))
    assert answer.headers["cache-control"] == "private, max-age=30"


async def test_other_sites_show_what_everybody_sees_at_an_address_that_was_named(
    site: Site,
) -> None:
    policy = "cross-origin-resource-policy"
    assert (await site.get()).headers[policy] == "cross-origin"
    # A foreign page could else ask the browser of whoever reaches this machine.
    assert policy not in (await site.get(Host="127.0.0.1:8000")).headers
    _, secret = site.tokens.add("ada", Grants.parse(["viewer@acme"]))
    assert policy not in (await site.get(**bearer(secret))).headers


@pytest.mark.parametrize(
    ("path", "said"),
    [("/badge/Acme.svg", "bad-name"), ("/badge/acme.svg?jobs=x", "bad-query")],
)
async def test_what_is_not_understood_is_refused(site: Site, path: str, said: str) -> None:
    answer = await site.get(path)
    assert (answer.status_code, slug(answer)) == (400, said)
