"""The check of a payload, for people who write workers. Pure.

It says in words what `activity.decode` and `presence.decode` do with a payload, and what of it they
ignore.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from buildfeed import activity, documents, presence
from buildfeed.activity import MAX_BYTES, Activity, Actor, Build, Script, Source
from buildfeed.errors import BuildfeedError, InvalidActivity, InvalidTopic
from buildfeed.names import PATTERN
from buildfeed.presence import OfferedJob, Presence, RunningBuild
from buildfeed.times import canonical, is_time
from buildfeed.topics import KINDS

_TIMES: Final = {"published", "queuedTime", "notBefore", "startTime", "endTime"}
_STRUCTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "actor": Actor,
    "object": Build,
    "script": Script,
    "builds": RunningBuild,
    "keeps": RunningBuild,
    "jobs": OfferedJob,
    "source": Source,
}
_NOT_PUBLISHED: Final = {
    "start": "the gateway publishes starts: ask for a build over HTTP",
    "stop": "the gateway publishes stops: ask for one over HTTP",
}
_AT: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<where>.*)`", re.DOTALL)
_OF_NAMES: Final = re.compile(
    rf"`str` matching regex {re.escape(repr(PATTERN))}|{re.escape(PATTERN)}"
)
_PLACE: Final = re.compile(r"line \d+ column \d+ \(char (\d+)\)")
_SHOWN: Final = 40
_LONG: Final = 20
"""Digits of a number that no member has."""
_HALF: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
_RFC_3339: Final = re.compile(r".{10}T.{8}([.]\d+)?(Z|[+-]\d\d:\d\d)")


class Verdict(msgspec.Struct, frozen=True):
    """A payload that is one of ours has a `topic` and no `reason`; else the other way round.

    `warnings` say what readers ignore or read otherwise, in a sentence each.
    """

    topic: str = ""
    qos: int = 0
    retain: bool = False
    reason: str = ""
    warnings: tuple[str, ...] = ()


def check(payload: bytes) -> Verdict:
    """Return what becomes of a payload, whatever it is."""
    try:
        documents.check_depth(payload)
        found, warnings = _loaded(payload)
        if isinstance(found, dict) and "worker" in found and "object" not in found:
            said = presence.decode(f"workers/{found['worker']}/status", payload)
            warnings += _ignored(found, msgspec.to_builtins(said), Presence, "")
            place = Verdict(said.topic, qos=1, retain=True)
        else:
            known = _activity(payload)
            warnings += _ignored(found, msgspec.to_builtins(known), Activity, "")
            kind = known.kind
            place = Verdict(str(known.topic), qos=KINDS[kind].qos)
            warnings += [_NOT_PUBLISHED[kind]] if kind in _NOT_PUBLISHED else []
    except (InvalidActivity, InvalidTopic) as exc:
        return Verdict(reason=_sentence(exc.reason))
    except (BuildfeedError, ValueError) as exc:
        return Verdict(reason=_sentence(str(exc)))
    return msgspec.structs.replace(place, warnings=tuple(map(_sentence, warnings)))


def _activity(payload: bytes) -> Activity:
    if len(payload) > MAX_BYTES:
        raise ValueError(f"it has over {MAX_BYTES} bytes, which is the most for an activity")
    known = activity.parse(payload)
    return activity.decode(str(known.topic), payload)


def _loaded(payload: bytes) -> tuple[Any, list[str]]:
    """Return the JSON value of a payload as it stands there, and warnings about its form."""
    warnings: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in found if keys.count(key) > 1})
        warnings.extend(f"{_shown(key)} is there twice, and the last one counts" for key in twice)
        return found

    def constant(name: str) -> None:
        warnings.append(f"{name} is no JSON, and is read as null")

    text = payload.decode(errors="replace")
    if len(text.encode()) != len(payload):
        warnings.append("bytes that are no UTF-8 are read as �")
    if _HALF.search(text):
        warnings.append("half a character is read as �")
    bare = text.lstrip("\ufeff \t\r\n").rstrip("\0 \t\r\n")
    decoder = json.JSONDecoder(
        object_pairs_hook=members, parse_constant=constant, parse_int=_whole, strict=False
    )
    try:
        found = decoder.decode(bare)
    except ValueError:
        return None, []  # the decoder says why
    if text.startswith("\ufeff"):
        warnings.append("the byte order mark in front is skipped")
    if any(character < " " and character not in "\t\r\n" for character in bare):
        warnings.append("control characters are to be escaped")
    return found, warnings


def _ignored(
    found: dict[str, Any], read: dict[str, Any], type_: type[msgspec.Struct], path: str
) -> Iterator[str]:
    """Yield what of the object `found` is not in the values that are `read` of it."""
    fields = {field.encode_name for field in msgspec.structs.fields(type_)}
    for key, value in found.items():
        name = f"{path}{key}"
        if key not in fields:
            if name != "@context":
                yield f"{_shown(name)} is not known, and is ignored"
        elif value is None:
            continue  # means that it is absent
        elif key not in read:
            yield f"{name} does not fit, and is taken as absent: {_shown(value)}"
        elif isinstance(value, dict) and key in _STRUCTS:
            yield from _ignored(value, read[key], _STRUCTS[key], f"{name}.")
        elif isinstance(value, list) and key in _STRUCTS:
            for number, (one, other) in enumerate(zip(value, read[key], strict=True)):
                yield from _ignored(one, other, _STRUCTS[key], f"{name}[{number}].")
        elif warning := _misread(key, value, read[key]):
            yield f"{name} {warning}"


def _misread(key: str, value: object, read: object) -> str | None:
    """Return how a member is read otherwise than it is written, None when it is not."""
    if key in _TIMES and is_time(value):
        usual = isinstance(value, str) and _RFC_3339.fullmatch(value) and canonical(value) == value
        return None if usual else f"is no time of RFC 3339, and is read as {canonical(value)}"
    if isinstance(read, tuple):
        read = list(read)
    mended = documents.whole(value) if isinstance(value, str) else value
    return None if mended == read else f"is read as {_shown(read)} instead of {_shown(value)}"


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONG else float(digits)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return documents.whole(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _sentence(reason: str) -> str:
    """Return a reason as a sentence, in one line, with the member in front."""
    reason = _OF_NAMES.sub("a name: 1 to 64 characters of a-z 0-9 - _", reason)
    if found := _AT.fullmatch(reason):
        reason = f"{found['where']}: {found['what']}"
    elif reason.startswith("Expected "):
        reason = f"the document: {reason}"
    reason = _PLACE.sub(lambda found: f"character {int(found[1]) + 1}", reason)
    line = " ".join("".join(each if each.isprintable() else " " for each in reason).split())
    return f"{line}." if line[-1:] not in (".", "!", "?") else line
