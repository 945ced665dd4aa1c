r"""JSON documents from outside: how deep they may nest, and which oddities are read all the same.

The ending of a build is published once. So an oddity whose meaning is certain is read: `null` for
absence, half a character (`"\ud83d"`), a byte order mark, `70.0` for an integer. Pure.
"""

import json
import math
import re
from collections.abc import Callable, Collection
from functools import cache
from itertools import accumulate
from typing import Any, Final, TypeVar, get_args

import msgspec
from msgspec import Struct, structs
from msgspec.structs import FieldInfo

MAX_DEPTH: Final = 64
"""Levels of arrays and objects inside each other; a document of ours has four.

Without it the limit would be that of the interpreter, which differs by version.
"""

T = TypeVar("T")

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.?+)*+"?', re.DOTALL)  # possessive: linear time
_STEPS: Final = {**dict.fromkeys(b"{[", 1), **dict.fromkeys(b"}]", -1)}
_NO_BRACKETS: Final = bytes(set(range(256)) - _STEPS.keys())
_OF_OTHER_ENCODINGS: Final = re.compile(rb"\xff\xfe|\xfe\xff|\0{0,3}[\[{]\0")
_HUGE: Final = 2**63
_HALF: Final = re.compile("[\ud800-\udfff]")


class TooDeep(ValueError):
    """A document nests deeper than MAX_DEPTH."""

    def __init__(self) -> None:
        super().__init__(f"it nests deeper than {MAX_DEPTH} levels")


def check_depth(payload: bytes | bytearray) -> None:
    """Raise TooDeep when arrays and objects nest deeper than MAX_DEPTH."""
    # Nearly every document has fewer brackets in all. Every activity passes here, and `replace`
    # takes half the time of `count`.
    if len(payload) - len(payload.replace(b"{", b"").replace(b"[", b"")) <= MAX_DEPTH:
        return
    brackets = _STRING.sub(b"", payload).translate(None, _NO_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise TooDeep


def load(text: str) -> Any:  # noqa: ANN401 - JSON is any
    """Return the value of the JSON `text`, with whole floats as integers and � for half characters.

    Raises TooDeep, or ValueError that says where the text is not JSON, or has a key twice.
    """
    check_depth(text.encode())
    return _load(text, _STRICT)


def parse(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is any
    """Return the value of the JSON `text` as `load` does, but faster, with floats as they are."""
    data = text.encode() if isinstance(text, str) else text
    check_depth(data)
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return load(data.decode())


def whole(text: str) -> str:
    """Return `text` with � for each surrogate, which is half of a character."""
    return _HALF.sub("�", text)


def leniently(payload: bytes | bytearray, type_: type[T], mend: Callable[[Any], Any]) -> T:
    """Return the `type_` in a document with oddities, once `mend` has made its value usable.

    Call `check_depth` before.

    Bytes that are no UTF-8 become �, as the text of an error may be cut anywhere. A byte order
    mark, NULs at the end and control characters in texts are let pass, NaN and Infinity are null.
    Raises ValueError with the reason.
    """
    if _OF_OTHER_ENCODINGS.match(payload):
        raise ValueError("it is not JSON: its encoding is not UTF-8")
    text = payload.decode(errors="replace").lstrip("\ufeff \t\r\n").rstrip("\0 \t\r\n")
    try:
        return msgspec.convert(mend(_load(text, _LENIENT)), type_)
    except msgspec.ValidationError as exc:
        raise ValueError(f"{exc}") from exc


def without_nulls(value: Any, type_: type[Struct]) -> Any:  # noqa: ANN401 - JSON is any
    """Return `value`, which is to be a `type_`, without its optional members that are null."""
    return _reduced(value, type_, lambda member, _: member is not None)


def without_misfits(
    value: Any,  # noqa: ANN401 - JSON is any
    type_: type[Struct],
    *,
    vital: Collection[str] = (),
) -> Any:  # noqa: ANN401 - JSON is any
    """Return `value` without its optional members that are null or no value for `type_`.

    Members named in `vital` stay unless they are null, so that they are refused.
    """

    def fits(member: object, field: FieldInfo) -> bool:
        if member is None or field.encode_name in vital:
            return member is not None
        try:
            msgspec.convert(member, field.type)
        except msgspec.ValidationError:
            return False
        return True

    return _reduced(value, type_, fits)


def _reduced(
    value: Any,  # noqa: ANN401 - JSON is any
    type_: type[Struct],
    keep: Callable[[Any, FieldInfo], bool],
) -> Any:  # noqa: ANN401 - JSON is any
    """Return `value` without its optional members, and theirs, that are not to `keep`."""
    if not isinstance(value, dict):
        return value
    left = dict(value)
    for field in _fields(type_):
        key = field.encode_name
        if key not in left:
            continue
        for inner in (field.type, *get_args(field.type)):
            if isinstance(inner, type) and issubclass(inner, Struct):
                left[key] = _reduced(left[key], inner, keep)
        if not field.required and not keep(left[key], field):
            del left[key]
    return left


_fields: Final = cache(structs.fields)  # takes 50 µs


def _load(text: str, decoder: json.JSONDecoder) -> Any:  # noqa: ANN401 - JSON is any
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as exc:
        raise ValueError(f"it is not JSON: {exc}") from exc
    return _mended(value) if r"\ud" in text.lower() else value


def _mended(value: Any) -> Any:  # noqa: ANN401 - JSON is any
    """Return the JSON `value` with its texts `whole`."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {whole(key): _mended(member) for key, member in value.items()}
    return value


def _number(digits: str) -> int | float:
    number = float(digits)  # exact up to 2**53, and no integer of ours goes beyond
    if math.isinf(number):  # too large for every member, and is refused as such
        return _HUGE if number > 0 else -_HUGE
    return int(number) if number.is_integer() else number


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raise ValueError when it has a key twice (RFC 7493 §2.3)."""
    found = dict(members)
    if len(found) < len(members):
        keys = [key for key, _ in members]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {whole(twice[:80])!r} is there twice")
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"it is not JSON: {name}")


def _nothing(_name: str) -> None:
    return None


_STRICT: Final = json.JSONDecoder(
    parse_float=_number, parse_int=_number, parse_constant=_refuse, object_pairs_hook=_once
)
_LENIENT: Final = json.JSONDecoder(
    parse_float=_number, parse_int=_number, parse_constant=_nothing, strict=False
)
