"""A principal: who asks, what that one may do, and the refusals of the rest."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, cast

import msgspec

from buildfeed.grants import Action, Area, Grant, Grants
from buildfeed.history.tokens import LINK_NAME, OF_PROVIDER
from buildfeed.topics import Topic
from gateway.access import hosts
from gateway.problems import Problem, unknown_build, unknown_project

ANONYMOUS: Final = "anonymous"
SCOPE: Final = "buildfeed.principal"
"""The key of the principal of a request in its scope (ASGI)."""

WHY: Final = {
    "missing": "Sign in first: this gateway serves nobody without a token.",
    "unknown": "This token is unknown: check it, or ask for a new one.",
    "expired": "This token has expired: ask for a new one.",
    "revoked": "This token was revoked: ask for a new one.",
    "ended": "This session has ended: sign in again.",
    "changed": "What this token may do has changed: connect again.",
    "audience": "This token is for another service: ask for one that names this Buildfeed.",
    "too-long": "This token is good for too long: ask for one that is good for an hour at most.",
    "not-yet": "This token is not good yet: see whether the clocks agree.",
}
"""Why somebody is not signed in, and what to do."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who asks.

    `token` is the id of the token that says who it is, `hash` that of the credential, and `session`
    the same if that is a cookie. `why` says, of an anonymous one, what was wrong with what was
    shown.
    """

    name: str
    grants: Grants
    token: str = ""
    hash: str = ""
    session: str = ""
    expires: datetime | None = None
    why: str = "missing"

    @property
    def anonymous(self) -> bool:
        """Whether nobody has said who it is."""
        return not self.token

    @property
    def by_link(self) -> bool:
        """Whether this is somebody who follows a link, and nobody who is known."""
        return self.name.startswith(LINK_NAME)

    @property
    def is_kept(self) -> bool:
        """Whether the history keeps what says who it is: a provider's token is kept nowhere."""
        return not self.anonymous and (bool(self.session) or not self.is_of_provider)

    @property
    def is_of_provider(self) -> bool:
        """Whether an OpenID provider says who it is, for whom no broker has a login."""
        return self.token.startswith(OF_PROVIDER)

    def need(self, action: Action, project: str | None = None) -> None:
        """Return if an action is granted, in a project if one is named; raises Problem."""
        if not self.grants.may(action, project):
            raise self.refused(Grant(action, Area(project)))

    def need_to_read(self) -> None:
        """Return if one may read anything; raises Problem for somebody who is not signed in."""
        if self.anonymous and not self.grants.areas("read"):
            raise not_signed_in(self.why)

    def need_to_see(self, project: str, build: str) -> None:
        """Return if one may know of a build; else raises Problem, as if there were none."""
        if not self.grants.sees(project, build):
            raise not_signed_in(self.why) if self.anonymous else unknown_build(project, build)

    def readable(self, project: str, build: str, kinds: Sequence[str]) -> tuple[str, ...]:
        """Return those of the kinds of activities of a build that one may read.

        Raises Problem when it is none of them, and for a build of which one may not know.
        """
        self.need_to_see(project, build)
        found = tuple(kind for kind in kinds if self.grants.reads(Topic(project, build, kind)))
        if not found:
            raise self.refused(Grant("read", Area(project, build, kinds[0])))
        return found

    def need_to_know(self, project: str) -> None:
        """Return if one may read anything of a project; else raises Problem, as if it were not."""
        if self.grants.selection.within(project) is None:
            raise not_signed_in(self.why) if self.anonymous else unknown_project(project)

    def refused(self, *missing: Grant) -> Problem:
        """Return the refusal of what needs the grants that are missing."""
        if self.anonymous:
            return not_signed_in(self.why)
        named = " or ".join(map(str, missing))
        detail = f"{self.name} may not do this: the grant {named} is missing."
        return Problem(HTTPStatus.FORBIDDEN, "not-allowed", detail, grant=str(missing[0]))

    def acts_as(self, by: str) -> str:
        """Return the name that a command of this principal bears, which asks for the name `by`.

        Raises Problem for the name of somebody else.
        """
        if self.anonymous or by == self.name or self.grants.may("as"):
            return by
        if by == ANONYMOUS:  # no name was given
            return self.name
        detail = f"The body is refused at #/by: it is {self.name} who asks, leave it out."
        errors = [{"pointer": "#/by", "detail": f"it is not {self.name}"}]
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-field", detail, errors=errors)


def not_signed_in(why: str, name: str = "") -> Problem:
    """Return the refusal of somebody who is not signed in, for one of the reasons WHY.

    The `name` of what was shown is for the audit alone.
    """
    headers = {"WWW-Authenticate": 'Bearer realm="Buildfeed"'}
    detail = WHY[why]
    problem = Problem(HTTPStatus.UNAUTHORIZED, "not-signed-in", detail, headers=headers, reason=why)
    problem.principal = name
    return problem


def in_the_clear(host: str) -> Problem:
    """Return the refusal of a token that was sent to `host` by http, for others to read."""
    named = hosts.host(host)
    detail = (
        "A token must not travel by http: ask by https, or on this machine as http://127.0.0.1. If "
        "a proxy in front has https, start the gateway with --origin "
        f"https://{named.name if named else 'builds.example'}; in a network that you trust, with "
        "--tokens-by-http."
    )
    return Problem(HTTPStatus.BAD_REQUEST, "needs-https", detail)


def by_a_link() -> Problem:
    """Return the refusal of a link that somebody wants to make who came by one."""
    detail = "You came by a link yourself: pass that on, or sign in to make another."
    return Problem(HTTPStatus.FORBIDDEN, "not-allowed", detail)


def other_principal() -> Problem:
    """Return the refusal of a token that is not one of the principal who is here."""
    detail = "This token is of another principal: connect anew to be somebody else."
    return Problem(HTTPStatus.FORBIDDEN, "not-allowed", detail)


def of(scope: Mapping[str, Any]) -> Principal:
    """Return the principal of a request, by its scope (ASGI)."""
    return cast(Principal, scope[SCOPE])
