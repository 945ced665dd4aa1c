"""The provider, asked over HTTP: whatever answers there, it is bounded and checked."""

import asyncio
import gzip
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from gateway.oidc import provider as asking
from gateway.oidc.provider import CodeRefused, Configuration, Provider, ProviderUnavailable, is_safe
from support.jwts import SETTINGS

Answer = Callable[[str, str], bytes]


def answer(document: object, status: int = 200, **headers: str) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Server:
    """Something that listens where a provider should; `answers` by method and path."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | None] = {}
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = head.lower().partition("content-length: ")[2].partition("\r")[0]
        body = (await reader.readexactly(int(length))).decode() if length else ""
        self.asked.append(head + body)
        told = self.answers.get(head.split()[1])
        if told is None:
            await reader.read()  # until the client gives up
        else:
            writer.write(told)
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as listening:
        made.url = "http://127.0.0.1:{1}".format(*listening.sockets[0].getsockname())
        made.answers["/.well-known/openid-configuration"] = answer(configured(made.url))
        yield made


@pytest.fixture
async def provider(server: Server) -> AsyncIterator[Provider]:
    secret = "s e+c:ret"
    made = Provider(msgspec.structs.replace(SETTINGS, issuer=server.url, client_secret=secret))
    yield made
    await made.close()


def configured(url: str, **other: Any) -> dict[str, Any]:
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/auth",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/jwks",
        "more": 1,
        **other,
    }


WELL_KNOWN = "/.well-known/openid-configuration"


async def unusable(provider: Provider) -> str:
    with pytest.raises(ProviderUnavailable) as exc:
        await provider.configuration()
    return exc.value.reason


async def test_it_says_where_its_endpoints_are(server: Server, provider: Provider) -> None:
    found = await provider.configuration()
    assert found == msgspec.convert(configured(server.url), Configuration)
    server.answers["/jwks"] = answer({"keys": [{"kty": "x"}, 7]})
    assert await provider.keys(found) == [{"kty": "x"}, 7]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (answer({}, 500), "it answers 500"),
        (answer({}, 302, Location="/elsewhere"), "it answers 302"),
        (answer(b"<html>"), "not what was asked for"),
        (answer(b"\xff"), "not what was asked for"),
        (answer({"issuer": "x"}), "not what was asked for"),
        (answer(configured("https://evil.example")), "it says that it is https://evil.example"),
        (answer(gzip.compress(b"x"), Content_Encoding="gzip"), "not what was asked for"),
        (answer(b" " * 600_000), "too large"),
        (b"nonsense\r\n\r\n", ""),
        (b"", ""),
    ],
)
async def test_any_other_answer_is_none(
    server: Server, provider: Provider, told: bytes, reason: str
) -> None:
    server.answers[WELL_KNOWN] = told
    assert reason in await unusable(provider)
    assert len(server.asked) == 1


async def test_its_endpoints_are_as_safe_as_itself(server: Server, provider: Provider) -> None:
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        for url in ("http://id.example/x", "ftp://127.0.0.1/x", "x", "http://[", "javascript:x"):
            server.answers[WELL_KNOWN] = answer(configured(server.url, **{name: url}))
            assert "is not https" in await unusable(provider)


@pytest.mark.parametrize(
    ("url", "issuer", "safe"),
    [
        ("https://a.example/x", "https://b.example", True),
        ("http://a.example/x", "https://a.example", False),
        ("http://127.0.0.1/x", "https://a.example", False),
        ("http://localhost:1/x", "http://127.0.0.1:2", True),
        ("http://a.example/x", "http://127.0.0.1:2", False),
        ("https:///x", "https://a.example", False),
    ],
)
def test_plain_http_is_for_trials_on_one_machine(url: str, issuer: str, safe: bool) -> None:  # noqa: FBT001
    assert is_safe(url, issuer) is safe


async def test_nobody_waits_for_it_for_long(
    server: Server, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.1)
    server.answers[WELL_KNOWN] = None
    assert "no answer within" in await unusable(provider)


async def test_a_provider_that_is_not_there_says_so(free_port: Callable[[], int]) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    provider = Provider(msgspec.structs.replace(SETTINGS, issuer=issuer))
    assert await unusable(provider)
    await provider.close()


async def test_no_proxy_of_the_environment_hears_of_it(
    server: Server, provider: Provider, monkeypatch: pytest.MonkeyPatch, free_port: Any
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    await provider.configuration()
    assert server.asked


# --- a code


async def redeemed(provider: Provider, **other: Any) -> str:
    configuration = msgspec.structs.replace(await provider.configuration(), **other)
    return await provider.redeem(configuration, "c0de", "ver1fier", "https://x/callback")


async def test_a_code_is_redeemed_with_its_verifier(server: Server, provider: Provider) -> None:
    server.answers["/token"] = answer({"id_token": "t", "access_token": "a", "expires_in": 1})
    assert await redeemed(provider) == "t"
    head, _, form = server.asked[-1].partition("\r\n\r\n")
    authorization = head.partition("Basic ")[2].partition("\r")[0]
    assert b64decode(authorization) == b"buildfeed:s+e%2Bc%3Aret"  # RFC 6749 §2.3.1
    assert parse_qs(form) == {
        "grant_type": ["authorization_code"],
        "code": ["c0de"],
        "redirect_uri": ["https://x/callback"],
        "code_verifier": ["ver1fier"],
    }


async def test_the_secret_is_in_the_form_where_that_is_the_only_way(
    server: Server, provider: Provider
) -> None:
    server.answers["/token"] = answer({"id_token": "t"})
    await redeemed(provider, token_endpoint_auth_methods_supported=("client_secret_post",))
    head, _, form = server.asked[-1].partition("\r\n\r\n")
    assert "Basic" not in head
    assert parse_qs(form)["client_secret"] == ["s e+c:ret"]


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (answer({"error": "invalid_grant"}, 400), CodeRefused),
        (answer({"error": "invalid_client"}, 401), ProviderUnavailable),
        (answer({}, 400), ProviderUnavailable),
        (answer({"access_token": "a"}), ProviderUnavailable),
    ],
)
async def test_a_code_that_is_refused_is_another_thing_than_a_failure(
    server: Server, provider: Provider, told: bytes, kind: type[Exception]
) -> None:
    server.answers["/token"] = told
    with pytest.raises(kind) as exc:
        await redeemed(provider)
    assert "ret" not in str(exc.value)
