"""The issuer: who somebody is by a token of the provider, or by a code that it gave a browser."""

import asyncio
import logging
from datetime import datetime
from http import HTTPStatus
from typing import Final

from buildfeed.text import printable
from gateway.access.identity import Identity
from gateway.access.principal import not_signed_in
from gateway.log_limit import LogLimit
from gateway.oidc import claims
from gateway.oidc.claims import NotAccepted, NotPermitted
from gateway.oidc.code_flow import Attempt
from gateway.oidc.jwt import InvalidJwt, Jwt
from gateway.oidc.known_provider import PAUSE_SECONDS, KnownProvider
from gateway.oidc.provider import (
    ANSWER_SECONDS,
    CodeRefused,
    Configuration,
    Provider,
    ProviderUnavailable,
)
from gateway.oidc.settings import Oidc
from gateway.problems import Problem

_AT_ONCE: Final = 4
"""Codes that are redeemed at a time, so that sign-ins leave connections for keys."""
_SIGN_IN_SECONDS: Final = 2 * ANSWER_SECONDS
"""Seconds in which a code is redeemed, those included for which it waits for others."""
_LOGGED: Final = 20

log = logging.getLogger(__name__)


class Issuer:
    """Verifies tokens by the keys of a provider; all raise Problem. Runs while the gateway does."""

    def __init__(self, settings: Oidc, pause: float = PAUSE_SECONDS) -> None:
        self.settings = settings
        self._provider = Provider(settings)
        self._known = KnownProvider(self._provider, pause)
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._log_limit = LogLimit(_LOGGED)

    async def run(self) -> None:
        """Read configuration and keys, until cancelled."""
        try:
            await self._known.run()
        finally:
            await self._provider.close()

    def counts(self) -> dict[str, int]:
        """Return how often the provider was asked for its keys, by what came of it."""
        return {"answered": self._known.answered, "failed": self._known.failed}

    def issued(self, token: str) -> bool:
        """Tell whether a token says that it is of this provider."""
        try:
            return claims.issuer_of(Jwt.parse(token).claims) == self.settings.issuer
        except InvalidJwt:
            return False

    async def verify(self, token: str, now: datetime) -> Identity:
        """Return whose bearer token it is: see `access.identity.Issuer`."""
        try:
            return claims.bearer(await self._signed(token), self.settings, now)
        except NotAccepted as exc:
            raise not_signed_in(exc.reason) from exc
        except NotPermitted as exc:
            raise _not_permitted(exc) from exc

    async def configuration(self) -> Configuration:
        """Return the configuration of the provider; raises Problem 503."""
        try:
            return await self._known.configuration()
        except ProviderUnavailable as exc:
            raise self._away() from exc

    async def redeem(
        self, code: str, attempt: Attempt, redirect_uri: str, now: datetime
    ) -> Identity:
        """Return who has signed in at the provider, which has given the browser a code."""
        configuration = await self.configuration()
        try:
            async with asyncio.timeout(_SIGN_IN_SECONDS), self._free:
                token = await self._provider.redeem(
                    configuration, code, attempt.verifier, redirect_uri
                )
        except CodeRefused as exc:
            raise bad_sign_in(f"the provider refuses it ({exc.error})") from exc
        except (ProviderUnavailable, TimeoutError) as exc:
            self._log("oidc.no_token", str(exc) or "too many wait for it")
            raise self._away() from exc
        try:
            return claims.signed_in(await self._signed(token), self.settings, attempt.nonce, now)
        except NotAccepted as exc:
            self._log("oidc.token_refused", exc.reason)
            raise bad_sign_in("the provider's token is not for this sign-in") from exc
        except NotPermitted as exc:
            raise _not_permitted(exc) from exc

    async def _signed(self, text: str) -> dict[str, object]:
        """Return the claims of a token whose signature is right; raises NotAccepted too."""
        try:
            token = Jwt.parse(text)
            key = await self._known.key(token)
        except InvalidJwt as exc:
            raise NotAccepted("unknown") from exc
        except ProviderUnavailable as exc:
            raise self._away() from exc
        if key is None or not token.is_signed_by(key):
            raise NotAccepted("unknown")
        return token.claims

    def _away(self) -> Problem:
        detail = (
            f"{self.settings.label} does not answer, so nobody new can sign in with it: try again "
            "in a few seconds."
        )
        headers = {"Retry-After": f"{PAUSE_SECONDS:g}"}
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return Problem(status, "provider-unavailable", detail, headers=headers)

    def _log(self, event: str, reason: str) -> None:
        left_out = self._log_limit.take((event, reason), asyncio.get_running_loop().time())
        if left_out is not None:
            log.warning(event, extra={"reason": reason, "left_out": left_out})


def bad_sign_in(why: str) -> Problem:
    """Return the refusal of a sign-in that has to be begun again."""
    detail = f"You are not signed in: {printable(why)[:200]}. Begin the sign-in again."
    return Problem(HTTPStatus.BAD_REQUEST, "bad-sign-in", detail)


def _not_permitted(exc: NotPermitted) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "not-allowed", exc.detail)
