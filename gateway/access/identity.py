"""Identities: somebody as an OpenID provider names them, and who can tell that of a token. Pure."""

from datetime import datetime
from typing import Protocol

import msgspec

from buildfeed.grants import Grants


class Identity(msgspec.Struct, frozen=True):
    """Somebody with a name of the form `oidc-…`, who may do what `grants` say until `expires`."""

    name: str
    grants: Grants
    expires: datetime


class Issuer(Protocol):
    """Knows the tokens (JWT) of one provider."""

    def issued(self, token: str) -> bool:
        """Tell whether a token says that it is of this provider, whether or not that is true."""

    async def verify(self, token: str, now: datetime) -> Identity:
        """Return whose token it is, at the time `now`.

        Raises Problem: 401 for one that is not good, 403 for somebody who may do nothing here, and
        503 while the provider cannot be asked for a key that is not known yet.
        """
