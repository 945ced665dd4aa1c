"""The output and the errors of a build over HTTP: to whom, and which part."""

import threading
from collections.abc import AsyncIterator
from contextlib import closing

import httpx
import pytest
from msgspec import structs

from buildfeed.activity import Activity, Source
from buildfeed.grants import Grants
from buildfeed.history.kept_output import Bounds
from buildfeed.history.pieces import Pieces
from buildfeed.history.store import Store
from buildfeed.left_out import line
from gateway.access.directory import Directory
from gateway.http.errors import Errors
from gateway.http.logs import Logs
from gateway.queries import outputs
from gateway.queries.builds import Builds
from gateway.queries.output_text import CUT, OutputText
from gateway.queries.outputs import Outputs
from gateway.state.live import Live
from support.builders import accept, ending, error, log
from support.held_tokens import Held
from support.signed_in import Application, bearer, links

LOG = "/api/projects/acme/builds/b1/log"
ERRORS = "/api/projects/acme/builds/b1/errors"


class Site:
    """A gateway that reads a history, of which anybody may read `acme`."""

    def __init__(self, store: Store, tokens: Held) -> None:
        self.store = store
        live = Live(lambda _event: None, lambda: 0.0)
        builds = Builds(live, store)
        self.outputs = Outputs(store.output())
        logs = Logs(builds, self.outputs, links())
        directory = Directory(tokens, Grants.parse(["viewer@acme"]))
        self.client = Application(directory, [*logs.routes(), *Errors(builds).routes()]).client()

    async def get(self, path: str = LOG, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def text(self, path: str = LOG) -> str:
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
async def site(database_url: str, tokens: Held) -> AsyncIterator[Site]:
    with closing(Store(database_url, Bounds(4000))) as store:
        site = Site(store, tokens)
        async with site.client:
            yield site


def said(text: str, seq: int, offset: int, attempt: int = 1) -> Activity:
    return structs.replace(log(text, seq, attempt), offset=offset)


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


# --- the output


async def test_the_output_is_text(site: Site) -> None:
    site.store.append([accept(), said("grün\n", 1, 0), said("<b>\n", 2, 6)])
    answer = await site.get()
    assert answer.status_code == 200
    assert answer.content == "grün\n<b>\n".encode()
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-length"] == "10"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-location"] == f"{LOG}?attempt=1"


async def test_a_build_without_output_has_an_empty_one(site: Site) -> None:
    site.store.append([accept()])
    assert await site.text() == ""


async def test_output_without_offsets_is_there_too(site: Site) -> None:
    site.store.append([accept(), log("one\n", 1), log("two\n", 2), log("one\n", 1)])
    assert await site.text() == "one\ntwo\n"


async def test_each_attempt_has_its_own(site: Site) -> None:
    site.store.append([accept(), said("old\n", 1, 0), accept(2), said("new\n", 1, 0, 2)])
    assert await site.text() == "new\n"
    assert await site.text(f"{LOG}?attempt=1") == "old\n"
    assert await site.text(f"{LOG}?attempt=3") == ""


async def test_what_is_missing_is_said(site: Site) -> None:
    site.store.append([accept(), said("first\n", 1, 0), said("later\n", 2, 500)])
    assert await site.text() == f"first\n{line(494)}later\n"


async def test_the_end_of_a_long_output_is_there_once_the_build_has_ended(site: Site) -> None:
    pieces = [said(f"{seq:03}\n" * 250, seq, 1000 * (seq - 1)) for seq in range(1, 10)]
    site.store.append([accept(), *pieces])
    going_on = await site.text()
    assert going_on == "001\n" * 250 + "002\n" * 250 + CUT.decode()
    site.store.append([ending()])
    whole = await site.text()
    assert whole.startswith(going_on)
    assert whole.endswith("009\n" * 250)
    assert "bytes of output are left out here]" in whole


async def test_the_end_of_an_attempt_is_there_once_another_goes_on(site: Site) -> None:
    pieces = [said("x" * 400, seq, 400 * (seq - 1)) for seq in range(1, 9)]
    site.store.append([accept(), *pieces])
    assert (await site.text()).endswith(CUT.decode())
    site.store.append([accept(2), said("new\n", 1, 0, 2)])
    assert (await site.text(f"{LOG}?attempt=1")).endswith("x" * 400)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-3", 0, 3), ("bytes=3990-4010", 3990, 4010), ("bytes=-5", 7995, 7999)],
)
async def test_a_range_of_bytes_is_sent(site: Site, asked: str, first: int, last: int) -> None:
    site.store._bounds = Bounds()
    text = "".join(f"{number:07}\n" for number in range(1000))
    pieces = [said(text[at : at + 400], 1 + at // 400, at) for at in range(0, 8000, 400)]
    site.store.append([accept(), *pieces])
    answer = await site.get(Range=asked)
    assert answer.status_code == 206
    assert answer.text == text[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/8000"
    assert answer.headers["content-length"] == str(last - first + 1)


async def test_a_range_behind_the_end_is_refused(site: Site) -> None:
    site.store.append([accept(), said("one\n", 1, 0)])
    answer = await site.get(Range="bytes=4-")
    assert (answer.status_code, slug(answer)) == (416, "no-such-range")
    assert answer.headers["content-range"] == "bytes */4"


async def test_a_range_of_what_has_changed_is_the_whole(site: Site) -> None:
    site.store.append([accept(), said("one\n", 1, 0)])
    tag = (await site.get()).headers["etag"]
    assert (await site.get(Range="bytes=1-", **{"If-Range": tag})).status_code == 206
    site.store.append([said("two\n", 2, 4)])
    answer = await site.get(Range="bytes=1-", **{"If-Range": tag})
    assert (answer.status_code, answer.text) == (200, "one\ntwo\n")


async def test_what_is_known_is_not_sent_again(site: Site) -> None:
    site.store.append([accept(), said("one\n", 1, 0)])
    tag = (await site.get()).headers["etag"]
    assert (await site.get(**{"If-None-Match": tag})).status_code == 304
    site.store.append([ending()])
    assert (await site.get(**{"If-None-Match": tag})).status_code == 200


async def test_a_text_is_made_once_and_beside_the_event_loop(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Noted(OutputText):
        def __init__(self, pieces: Pieces) -> None:
            made.append(threading.get_ident())
            super().__init__(pieces)

    monkeypatch.setattr(outputs, "OutputText", Noted)
    site.store.append([accept(), said("one\n", 1, 0)])
    tag = (await site.get()).headers["etag"]
    assert (await site.get(Range="bytes=1-1")).text == "n"
    assert (await site.get(**{"If-None-Match": tag})).status_code == 304
    await site.client.head(LOG)
    assert len(made) == 1
    site.store.append([said("two\n", 2, 4), accept(2), said("2\n", 1, 0, 2)])
    assert [await site.text(f"{LOG}?attempt={each}") for each in (1, 2)] == ["one\ntwo\n", "2\n"]
    assert len(made) == 3
    assert threading.get_ident() not in made


async def test_few_texts_are_kept(site: Site) -> None:
    for number in range(9):
        site.store.append([accept(number + 1), said(f"{number}\n", 1, 0, number + 1)])
        assert await site.text() == f"{number}\n"
    assert len(site.outputs._texts) == 4


async def test_a_head_has_the_headers_alone(site: Site) -> None:
    site.store.append([accept(), said("one\n", 1, 0)])
    answer = await site.client.head(LOG)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "4"


@pytest.mark.parametrize("query", ["?attempt=0", "?attempt=x", "?from=1"])
async def test_an_unknown_query_is_refused(site: Site, query: str) -> None:
    answer = await site.get(LOG + query)
    assert (answer.status_code, slug(answer)) == (400, "bad-query")


@pytest.mark.parametrize("path", [LOG, ERRORS])
async def test_it_is_for_those_who_may_read_it(site: Site, tokens: Held, path: str) -> None:
    other = path.replace("acme", "other")
    site.store.append([accept(project="other"), accept()])
    _, all_of_it = tokens.add("bob", Grants.parse(["viewer@other"]))
    _, nothing = tokens.add("eve", Grants.parse(["viewer@beta"]))
    _, starts = tokens.add("dan", Grants.parse(["read:builds/other/+/start"]))

    async def status(secret: str) -> tuple[int, str]:
        answer = await site.client.get(other, headers=bearer(secret))
        return answer.status_code, slug(answer) if answer.status_code != 200 else ""

    assert await status(all_of_it) == (200, "")
    assert await status(nothing) == (404, "unknown-build")
    assert await status(starts) == (403, "not-allowed")
    assert (await site.get(other)).status_code == 401
    assert (await site.get(path.replace("b1", "b2"))).status_code == 404


# --- the errors


async def test_errors_have_numbers_that_stay(site: Site) -> None:
    place = Source(file="src/a.c", line=3)
    first = structs.replace(error("first\nand why", 5), source=place)
    site.store.append([accept(), first, accept(2), error("second", 3, attempt=2)])
    site.store.append([error("late", 9), error("second", 3, attempt=2)])
    answer = (await site.get(ERRORS)).json()
    assert answer["next"] is None
    said = [(each["number"], each["attempt"], each["text"]) for each in answer["errors"]]
    assert said == [(1, 1, "first\nand why"), (2, 2, "second"), (3, 1, "late")]
    assert answer["errors"][0]["source"] == {"file": "src/a.c", "line": 3}
    assert "source" not in answer["errors"][1]


async def test_many_errors_come_in_pages(site: Site) -> None:
    site.store.append([accept(), *(error(f"e{seq}", seq) for seq in range(1, 6))])
    found, after = [], 0
    for _ in range(3):
        page = (await site.get(f"{ERRORS}?limit=2&after={after}")).json()
        found += [(each["number"], each["text"]) for each in page["errors"]]
        after = page["next"]
    assert after is None
    assert found == [(number, f"e{number}") for number in range(1, 6)]


async def test_a_build_without_errors_has_none(site: Site) -> None:
    site.store.append([accept()])
    assert (await site.get(ERRORS)).json() == {"errors": [], "next": None}
