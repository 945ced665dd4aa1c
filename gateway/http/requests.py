"""Requests over HTTP, decoded strictly: a misspelt key is refused, not ignored."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from buildfeed import documents, names
from buildfeed.documents import TooDeep
from buildfeed.errors import InvalidName
from buildfeed.text import printable
from buildfeed.topics import KINDS
from gateway.problems import Problem

MAX_BODY_BYTES: Final = 16 * 1024
MAX_WAIT_SECONDS: Final = 600
KEY: Final = r"^[\x21-\x7e]{1,200}$"
"""An `Idempotency-Key`: 1 to 200 visible characters of ASCII."""

Kinds = tuple[str, ...]

T = TypeVar("T", bound=msgspec.Struct)


class ActivitiesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a build's activities, but for the kinds; without `after` the collection."""

    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] | UnsetType = UNSET


class SignInQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a sign-in with an OpenID provider: the path to come back to."""

    back: Annotated[str, Meta(max_length=2000)] = "/"


def body(payload: bytes, type_: type[T]) -> T:
    """Return the JSON `payload` as `type_`; an empty one is `{}`, and null is absence.

    Raises Problem: 400 when it is no JSON, 422 naming the field when it does not fit.
    """
    try:
        value = documents.load(payload.decode("utf-8-sig").strip() or "{}")
        return msgspec.convert(documents.without_nulls(value, type_), type_)
    except (msgspec.ValidationError, TooDeep) as exc:
        raise _misfit(exc) from exc
    except ValueError as exc:
        at = (
            f"it is not UTF-8 at byte {exc.start + 1}"
            if isinstance(exc, UnicodeDecodeError)
            else exc
        )
        detail = f"The body is refused: {at}."
        raise Problem(HTTPStatus.BAD_REQUEST, "not-json", detail) from exc


def query(parameters: Sequence[tuple[str, str]], type_: type[T]) -> T:
    """Return the query parameters as `type_`; raise Problem 400 naming the one that is wrong."""
    given = dict(parameters)
    if len(given) != len(parameters):
        detail = "The query is refused: a parameter is given twice."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", detail)
    try:
        return msgspec.convert(given, type_, strict=False)
    except msgspec.ValidationError as exc:
        detail = f"The query is refused: {exc}."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", detail) from exc


def kinds(parameters: Sequence[tuple[str, str]]) -> tuple[Kinds, list[tuple[str, str]]]:
    """Return the kinds that are asked for, in their order, and the other parameters.

    `kind` may come several times, and name several with commas between them. Without one there is
    no kind: all are meant. Raises Problem 400 for a kind that there is not.
    """
    asked = {each for name, value in parameters if name == "kind" for each in value.split(",")}
    if unknown := asked - KINDS.keys():
        detail = f"The query is refused: {min(unknown)[:80]!r} is no kind of {', '.join(KINDS)}."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", detail)
    others = [parameter for parameter in parameters if parameter[0] != "kind"]
    return tuple(kind for kind in KINDS if kind in asked), others


def no_query(parameters: Sequence[tuple[str, str]]) -> None:
    """Raise Problem 400 when there are parameters: none is known, and none may be ignored."""
    if parameters:
        detail = f"The query is refused: {parameters[0][0][:80]!r} is not known here."
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-query", detail)


def not_encoded(coding: str) -> None:
    """Raise Problem 415 when a body has a content coding (RFC 9110 §8.4), such as gzip."""
    if coding.strip().lower() not in ("identity", ""):
        detail = f"The body is encoded as {coding[:80]!r}: send it as it is."
        headers = {"Accept-Encoding": "identity"}
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "bad-encoding", detail, headers=headers)


def name(what: str, text: str) -> str:
    """Return `text` if it is a name; raise Problem 400, which explains names, if it is none."""
    try:
        return names.check(what, text)
    except InvalidName as exc:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-name", str(exc)) from exc


def wait_seconds(prefer: str) -> float:
    """Return the seconds of `Prefer: wait=N` (RFC 7240 §4.3), at most MAX_WAIT_SECONDS.

    They are 0 when not asked for.
    """
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", prefer, re.IGNORECASE)
    return float(min(int(found[1]), MAX_WAIT_SECONDS)) if found else 0.0


def idempotency_key(header: str | None) -> str | None:
    """Return the key, None when there is none; raise Problem 400 unless 1 to 200 visible ASCII."""
    if header is None or re.fullmatch(KEY, header):
        return header
    detail = "An Idempotency-Key is 1 to 200 visible ASCII characters without spaces."
    raise Problem(HTTPStatus.BAD_REQUEST, "bad-key", detail)


def _misfit(exc: Exception) -> Problem:
    text, _, path = str(exc).partition(" - at `$")
    pointer = "#" + re.sub(r"[.\[]", "/", path.rstrip("`").replace("]", ""))
    detail = f"The body is refused at {pointer}: {text}."
    errors = [{"pointer": pointer, "detail": printable(text)}]
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-field", detail, errors=errors)
