"""A description of what there is, as it is served."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.http.description import ASYNCAPI, Description
from gateway.problems import Problem


class Asked:
    """Counts how often a document is made."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> dict[str, Any]:
        self.count += 1
        return {"asyncapi": "3.0.0"}


@pytest.fixture
def made() -> Asked:
    return Asked()


@pytest.fixture
def client(made: Asked) -> httpx.AsyncClient:
    app = Starlette(routes=Description(ASYNCAPI, "/ci", made).routes())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def test_it_is_made_once_and_names_both(client: httpx.AsyncClient, made: Asked) -> None:
    assert made.count == 0
    first, again = await client.get(ASYNCAPI), await client.get(ASYNCAPI)
    assert first.json() == again.json() == {"asyncapi": "3.0.0"}
    assert made.count == 1
    assert first.headers["content-type"] == "application/json"
    for path in ("/api/openapi.json", "/api/asyncapi.json"):
        assert f'</ci{path}>; rel="service-desc"' in first.headers["link"]


async def test_who_has_it_is_not_sent_it_again(client: httpx.AsyncClient) -> None:
    tag = (await client.get(ASYNCAPI)).headers["etag"]
    again = await client.get(ASYNCAPI, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    head = await client.head(ASYNCAPI)
    assert (head.status_code, head.headers["etag"]) == (200, tag)


async def test_it_is_hashed_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[bytes] = []
    monkeypatch.setattr("gateway.http.etags.tag", lambda body: hashed.append(body) or '"a"')
    answers = [await client.get(ASYNCAPI) for _ in range(3)]
    assert hashed == [answers[0].content]
    assert {each.headers["etag"] for each in answers} == {'"a"'}


async def test_it_takes_no_query(client: httpx.AsyncClient) -> None:
    with pytest.raises(Problem) as refused:
        await client.get(f"{ASYNCAPI}?a=1")
    assert refused.value.slug == "bad-query"
