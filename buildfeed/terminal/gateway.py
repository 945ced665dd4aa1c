"""A gateway, asked over HTTP: one request, and what its answer says in one sentence."""

import socket
from http import HTTPStatus
from typing import Any, Final

import msgspec

from buildfeed.doctor.unreachable import Unreachable
from buildfeed.doctor.web import Answer, Site
from buildfeed.errors import BuildfeedError
from buildfeed.text import printable

_PASSING: Final = frozenset(
    (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
)
_PROBLEM: Final = "urn:buildfeed:problem:"
_MOST_CHARACTERS: Final = 1000
_MOST_SECONDS: Final = 30.0
"""Longest time for which a gateway, or who answers in its place, has somebody wait."""
_ADVICE: Final = " Give a token: --token, or better BUILDFEED_TOKEN, which others do not see."


class Refused(BuildfeedError):
    """The gateway says no, for a `reason`, which is a sentence; `problem` is its short name.

    `seconds` is when it may say yes, None where it does not say: it was asked too often.
    """

    def __init__(self, reason: str, problem: str = "", seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.problem = problem
        self.seconds = seconds


class Away(BuildfeedError):
    """There is no gateway now, for a `reason`, but there may be one soon: after `seconds`, if told.

    `sent` is False when it is certain that the request did nothing.
    """

    def __init__(self, reason: str, seconds: float = 0.0, *, sent: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
        self.sent = sent


class _Problem(msgspec.Struct, frozen=True):
    type: str = ""
    detail: str = ""
    sent: bool = False


class Gateway:
    """The gateway at `url`, asked with a `token` if there is one."""

    def __init__(self, url: str, token: str | None = None) -> None:
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        self.site = Site(url, {**shown, "Accept-Encoding": "identity"})
        self.url = f"{self.site.origin}{self.site.root}"
        """Its address, without a login that may be in `url`."""

    def page(self, project: str, build: str) -> str:
        """Return the address at which people see a build."""
        return f"{self.url}/projects/{project}/builds/{build}"

    def ask(self, path: str, **more: Any) -> Answer:  # noqa: ANN401 - those of Site.ask
        """Return a good answer; raises Refused and Away."""
        try:
            answer = self.site.ask(path, **more)
        except Unreachable as exc:
            raise self.away(exc) from exc
        self.check(answer.status, answer.body, answer.headers.get("retry-after", ""))
        return answer

    def away(self, exc: Unreachable) -> Away:
        """Return in one sentence why nobody answers."""
        reason = f"The gateway {self.url} cannot be reached: {printable(exc.reason)}."
        never_there = isinstance(exc.__cause__, ConnectionRefusedError | socket.gaierror)
        return Away(reason, sent=not never_there)

    def check(self, status: int, body: bytes, retry_after: str = "") -> None:
        """Raise Away or Refused for an answer that is not good."""
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        problem = _problem(body)
        seconds = _seconds(retry_after)
        is_too_often = status == HTTPStatus.TOO_MANY_REQUESTS and seconds is not None
        if problem is None:
            told = f"{self.url} answers {status}, and not as a gateway of Buildfeed does"
            if status in _PASSING:
                raise Away(f"{told}.", seconds or 0.0)
            if is_too_often:
                raise Refused(f"{told}.", seconds=seconds)
            raise Refused(f"{told}: check the address, and the path below which the gateway is.")
        detail = printable(problem.detail)[:_MOST_CHARACTERS]
        if status in _PASSING:
            raise Away(detail, seconds or 0.0, sent=problem.sent)
        name = problem.type.removeprefix(_PROBLEM)
        advice = _ADVICE if name == "not-signed-in" else ""
        raise Refused(detail + advice, name, seconds if is_too_often else None)


def _seconds(retry_after: str) -> float | None:
    """Return how long to wait, None where a header does not say it in seconds."""
    return min(float(retry_after), _MOST_SECONDS) if retry_after.isdecimal() else None


def _problem(body: bytes) -> _Problem | None:
    """Return the problem in a body (RFC 9457), None where it is none of ours."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return problem if problem.type.startswith(_PROBLEM) else None
