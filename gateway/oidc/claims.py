"""Claims: what a token says of somebody, and whether that counts here and now. Pure.

The signature was verified before (`jwt.py`). Checked are the claims of RFC 7519 §4.1, for bearer
tokens with a limit of their life as in RFC 9068 §4, and for ID tokens of a sign-in those of OpenID
Connect Core 1.0 §3.1.3.7.

A name is taken from one claim only. With several, one after the other, somebody who may choose the
second could take the name of somebody else who has it as the first.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from buildfeed import names
from buildfeed.errors import InvalidGrant
from buildfeed.grants import Grants
from gateway.access.identity import Identity
from gateway.oidc.settings import Oidc

GRANTS_CLAIM: Final = "buildfeed"
"""The claim with grants, a list of their texts."""
LONGEST_SECONDS: Final = 3600.0
"""The longest life of a bearer token, since one cannot be revoked."""
LEEWAY_SECONDS: Final = 30.0
"""By how much the clocks of provider and gateway may differ."""
_MOST_GROUPS: Final = 1000
_SHOWN: Final = 80
"""Characters of a name that an answer repeats."""


class NotAccepted(Exception):
    """A token does not count, for a `reason` of `principal.WHY`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotPermitted(Exception):
    """Somebody whom the provider knows can do nothing here, as the sentence `detail` says."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class _Registered(msgspec.Struct, frozen=True):
    """The claims that decide whether a token counts; times are seconds since 1970."""

    iss: str
    aud: str | list[str]
    exp: float
    iat: float | None = None
    nbf: float | None = None
    nonce: str | None = None
    azp: str | None = None

    @property
    def audiences(self) -> list[str]:
        return [self.aud] if isinstance(self.aud, str) else self.aud


def bearer(claims: Mapping[str, Any], settings: Oidc, now: datetime) -> Identity:
    """Return whose bearer token it is; raises NotAccepted, and NotPermitted."""
    said = _checked(claims, settings.issuer, settings.audience, now)
    latest = now.timestamp() + LEEWAY_SECONDS + LONGEST_SECONDS
    if said.exp > latest or (said.iat is not None and said.exp - said.iat > LONGEST_SECONDS):
        raise NotAccepted("too-long")
    expires = datetime.fromtimestamp(said.exp + LEEWAY_SECONDS, UTC)
    return _identity(claims, settings, expires)


def signed_in(claims: Mapping[str, Any], settings: Oidc, nonce: str, now: datetime) -> Identity:
    """Return whose ID token of a sign-in with a `nonce` it is; it expires with the session only.

    Raises NotAccepted, and NotPermitted.
    """
    said = _checked(claims, settings.issuer, settings.client_id, now)
    if said.nonce != nonce or said.azp not in (None, settings.client_id):
        raise NotAccepted("unknown")
    return _identity(claims, settings, now)


def issuer_of(claims: Mapping[str, Any]) -> str:
    """Return the claim `iss`, empty if it is no text."""
    found = claims.get("iss")
    return found if isinstance(found, str) else ""


def _checked(claims: Mapping[str, Any], issuer: str, audience: str, now: datetime) -> _Registered:
    try:
        said = msgspec.convert(claims, _Registered)
    except msgspec.ValidationError:
        raise NotAccepted("unknown") from None
    if said.iss != issuer:
        raise NotAccepted("unknown")
    if audience not in said.audiences:
        raise NotAccepted("audience")
    if said.exp + LEEWAY_SECONDS <= now.timestamp():
        raise NotAccepted("expired")
    latest = now.timestamp() + LEEWAY_SECONDS
    if (said.nbf or 0) > latest or (said.iat or 0) > latest:
        raise NotAccepted("not-yet")
    return said


def _identity(claims: Mapping[str, Any], settings: Oidc, expires: datetime) -> Identity:
    name = _name(claims, settings.name_claim)
    grants = _grants(claims, settings, name)
    if grants == Grants():
        raise NotPermitted(
            f"{settings.label} knows you as {name.removeprefix(names.OF_PROVIDER)}, but nothing "
            "that it says of you allows anything here: ask whoever runs this Buildfeed."
        )
    return Identity(name, grants, expires)


def _name(claims: Mapping[str, Any], claim: str) -> str:
    """Return the name of somebody: refused, never cleaned up, so that no two have the same."""
    said = claims.get(claim)
    if not isinstance(said, str) or not said:
        raise NotPermitted(
            f"The provider does not say who you are: the claim {claim} is missing. Ask whoever "
            "runs this Buildfeed."
        )
    name = names.OF_PROVIDER + said
    if not names.is_name(said) or not names.is_name(name):
        most = names.MOST - len(names.OF_PROVIDER)
        raise NotPermitted(
            f"The provider knows you as {said[:_SHOWN]!r}, which cannot be a name here: 1 to "
            f"{most} characters of a-z 0-9 - _. Whoever runs Buildfeed can choose another claim."
        )
    return name


def _grants(claims: Mapping[str, Any], settings: Oidc, name: str) -> Grants:
    """Return the grants that the claim `buildfeed` has, and those of the groups."""
    try:
        own, groups = (_texts(claims, name) for name in (GRANTS_CLAIM, settings.groups_claim))
        of_groups = (settings.groups.get(group, Grants()) for group in groups)
        texts = [*own, *(str(grant) for grants in of_groups for grant in grants)]
        return Grants.parse(dict.fromkeys(texts))
    except InvalidGrant as exc:
        raise NotPermitted(
            f"What the provider says that {name} may do cannot be read: {str(exc).rstrip('.')}. "
            "Ask whoever runs this Buildfeed."
        ) from exc


def _texts(claims: Mapping[str, Any], claim: str) -> list[str]:
    """Return the texts in a claim, which may be absent, one, or a list; raises InvalidGrant."""
    said = claims.get(claim) or []
    found = [said] if isinstance(said, str) else said
    is_list = isinstance(found, list) and len(found) <= _MOST_GROUPS
    if not is_list or not all(isinstance(each, str) for each in found):
        raise InvalidGrant(claim, "the claim is no list of texts")
    return list(found)
