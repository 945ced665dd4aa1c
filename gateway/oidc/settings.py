"""The settings of an OpenID provider. Pure."""

from collections.abc import Mapping

import msgspec

from buildfeed.grants import Grants


class Oidc(msgspec.Struct, frozen=True, kw_only=True):
    """One provider, and how what it says of people becomes a name and grants.

    `issuer` is its URL as `iss` has it. `client_id` is who we are there, with `client_secret`
    unless the client is public. `audience` is what bearer tokens are for. `label` is what people
    call it. `groups` are the grants by the values of the claim `groups_claim`; the claim
    `name_claim` has the name. `scopes` are asked for at a sign-in, of which the session ends after
    `hours`.
    """

    issuer: str
    client_id: str
    client_secret: str = ""
    audience: str
    label: str
    groups: Mapping[str, Grants] = {}
    groups_claim: str = "groups"
    name_claim: str = "preferred_username"
    scopes: str = "openid profile email"
    hours: int = 12
