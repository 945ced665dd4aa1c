"""The page that signs people in, as it is served."""

import re

import httpx
import pytest
from starlette.applications import Starlette

from gateway.http.pages import pages


async def login(root: str, **headers: str) -> httpx.Response:
    app = Starlette(routes=pages(root))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get("/login?back=/projects/acme", headers=headers)


@pytest.mark.parametrize("root", ["", "/ci"])
async def test_it_loads_only_what_is_ours_below_the_root(root: str) -> None:
    answer = await login(root)
    assert answer.status_code == 200
    loaded = re.findall(r'(?:src|href|action)="([^"]*)"', answer.text)
    assert f"{root}/scripts/login.js" in loaded
    assert [link for link in loaded if not re.match(rf"{root}/(?!/)", link)] == []


async def test_it_is_kept_nowhere_and_always_whole() -> None:
    answer = await login("", **{"If-None-Match": "*"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_token_is_taken_out_of_the_address_before_anything_else_is_loaded() -> None:
    text = (await login("")).text
    first, *_ = re.findall(r"<(?:script|link|img)[^>]*>", text)
    assert first == '<script type="module" async src="/scripts/login-link.js">'
