"""The provider, asked over HTTP: its configuration, its keys, and the ID token for a code.

Its answers are trusted no more than they have to be: each is bounded in size and time, comes from
the address that was asked (no redirect is followed), and has to be of the issuer that we know
(OpenID Connect Discovery 1.0 §4.3). Certificates are those that the system trusts. A proxy of the
environment is not used, as it could read codes of sign-ins.
"""

import asyncio
import ssl
from functools import cached_property
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlsplit

import httpx
import msgspec

from gateway.access.anonymous import is_loopback
from gateway.oidc.settings import Oidc

ANSWER_SECONDS: Final = 5.0
"""Seconds that an answer may take, the connection included."""
_MOST_BYTES: Final = 512 * 1024
"""Size of an answer; that of a large provider has 10 KiB."""
_CONNECTIONS: Final = 8
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_BASIC: Final = "client_secret_basic"

T = TypeVar("T")


class ProviderUnavailable(Exception):
    """The provider gave no answer that can be used, for `reason`, which quotes no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CodeRefused(Exception):
    """The provider gives no token for a code, with the word `error` (RFC 6749 §5.2)."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Configuration(msgspec.Struct, frozen=True):
    """What is used of a provider's metadata (OpenID Connect Discovery 1.0 §3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = (_BASIC,)


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[Any]


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class _Error(msgspec.Struct, frozen=True):
    error: str


class Provider:
    """Asks the provider; every method raises ProviderUnavailable."""

    def __init__(self, settings: Oidc) -> None:
        self._settings = settings

    async def configuration(self) -> Configuration:
        """Return its configuration, as it is now."""
        url = self._settings.issuer.removesuffix("/") + _WELL_KNOWN
        found = _decoded(await self._ask("GET", url), Configuration)
        if found.issuer != self._settings.issuer:
            raise ProviderUnavailable(f"it says that it is {found.issuer[:200]}")
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if not is_safe(address, self._settings.issuer):
                raise ProviderUnavailable(f"its address {address[:200]} is not https")
        return found

    async def keys(self, configuration: Configuration) -> list[Any]:
        """Return its keys (JWKS, RFC 7517 §5), whatever they are."""
        return _decoded(await self._ask("GET", configuration.jwks_uri), _KeySet).keys

    async def redeem(
        self, configuration: Configuration, code: str, verifier: str, redirect_uri: str
    ) -> str:
        """Return the ID token for a code (RFC 6749 §4.1.3, RFC 7636 §4.5); raises CodeRefused."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        client_id, secret = self._settings.client_id, self._settings.client_secret
        auth = None
        if secret and _BASIC in configuration.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(quote_plus(client_id), quote_plus(secret))  # RFC 6749 §2.3.1
        else:
            form |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        answer = await self._ask("POST", configuration.token_endpoint, data=form, auth=auth)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise CodeRefused(_decoded(answer, _Error, whatever=True).error)
        return _decoded(answer, _Tokens).id_token

    async def close(self) -> None:
        """Close the connections."""
        if client := self.__dict__.pop("_client", None):
            await client.aclose()

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=ANSWER_SECONDS,
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=0),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx names and types them
        """Return an answer with its whole body."""
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._client.stream(method, url, **more) as answer,
            ):
                body = b""
                async for piece in answer.aiter_raw():  # as it comes: nothing unpacks to more
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise ProviderUnavailable("an answer is too large")
                return httpx.Response(answer.status_code, content=body)
        except TimeoutError as exc:
            raise ProviderUnavailable(f"no answer within {ANSWER_SECONDS:g} s") from exc
        except httpx.TimeoutException as exc:
            raise ProviderUnavailable(f"no answer within {ANSWER_SECONDS:g} s") from exc
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            raise ProviderUnavailable(str(exc) or type(exc).__name__) from exc


def is_safe(url: str, issuer: str) -> bool:
    """Tell whether nobody on the way reads what is sent to a URL of a provider.

    That is https; and http on the loopback if the issuer is there itself, for trials.
    """
    try:
        parts, own = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    hosts = parts.hostname or "", own.hostname or ""
    return parts.scheme == own.scheme == "http" and all(map(is_loopback, hosts))


def _decoded(answer: httpx.Response, type_: type[T], *, whatever: bool = False) -> T:
    """Return the JSON in an answer; raises ProviderUnavailable if it is another, or a failure."""
    if answer.status_code != httpx.codes.OK and not whatever:
        raise ProviderUnavailable(f"it answers {answer.status_code}")
    try:
        return msgspec.json.decode(answer.content, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ProviderUnavailable("its answer is not what was asked for") from exc
