"""The depth of documents from outside, and what is read though it is odd."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from buildfeed import activity, documents, presence
from buildfeed.documents import MAX_DEPTH, TooDeep, check_depth
from buildfeed.errors import InvalidActivity
from gateway.commands.requests import StopRequest
from gateway.engine import packets
from gateway.engine.packets import Json
from gateway.http import requests
from gateway.problems import Problem
from support.cpu import within
from support.samples import END, PROGRESS


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


def as_activity(value: str) -> object:
    return activity.decode(str(END.topic), activity.encode(END)[:-1] + f',"new":{value}}}'.encode())


def as_context(value: str) -> object:
    payload = activity.encode(PROGRESS)
    head, tail = payload.split(b'"@context":', 1)
    rest = tail[tail.index(b',"id":') :]
    return activity.parse(head + b'"@context":' + value.encode() + rest)


def as_presence(value: str) -> object:
    payload = f'{{"worker":"w1","status":"online","new":{value}}}'
    return presence.decode("workers/w1/status", payload.encode())


def as_body(value: str) -> object:
    try:
        return requests.body(f'{{"by":"ada","new":{value}}}'.encode(), StopRequest)
    except Problem as problem:
        if "levels" in problem.detail:
            raise
        return problem  # an unknown key is refused, however deep


def as_packet(value: str) -> object:
    return packets.decode(f'2["watch",{value}]')


def as_polled(value: str) -> object:
    return Json.loads(f"[{value}]")


READERS = [as_activity, as_context, as_presence, as_body, as_packet, as_polled]
ALL = pytest.mark.parametrize("read", READERS, ids=[reader.__name__ for reader in READERS])


@ALL
def test_one_level_more_than_allowed_is_refused_everywhere(read: Callable[[str], object]) -> None:
    inside = MAX_DEPTH - 1  # below the document itself
    assert read(nested(inside))
    with pytest.raises((InvalidActivity, Problem, ValueError), match=f"deeper than {MAX_DEPTH}"):
        read(nested(inside + 1))


@ALL
@pytest.mark.parametrize("levels", [100, 500, 900, 5000])
def test_depth_is_refused_whatever_the_interpreter_could(
    read: Callable[[str], object], levels: int
) -> None:
    with pytest.raises((InvalidActivity, Problem, ValueError), match=f"deeper than {MAX_DEPTH}"):
        read(nested(levels))


@ALL
def test_brackets_in_texts_and_side_by_side_are_no_depth(read: Callable[[str], object]) -> None:
    assert read("[" + json.dumps("[{" * 500 + '"\\') + "," + ",".join(["[[]]"] * 500) + "]")


def depth_of(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 0


values = st.recursive(
    st.none() | st.text('[]{}"\\ é'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\'), inner),
    max_leaves=30,
)


@given(values, st.lists(st.sampled_from(["list", "dict"]), max_size=MAX_DEPTH + 10))
@example("[", ["list"] * MAX_DEPTH)
@example("[", ["dict"] * (MAX_DEPTH + 1))
def test_the_depth_of_any_document_is_counted_exactly(value: object, around: list[str]) -> None:
    for each in around:
        value = {"[": value} if each == "dict" else [value]
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        if depth_of(value) > MAX_DEPTH:
            with pytest.raises(TooDeep):
                check_depth(text.encode())
        else:
            check_depth(text.encode())


@given(st.binary())
@example(b'"\\' * 1000)
@example(b"]" * 100 + b"[" * 100)
def test_no_bytes_whatever_raise_anything_else(payload: bytes) -> None:
    with suppress(TooDeep):
        check_depth(payload)


@pytest.mark.parametrize(
    "part",
    [
        *(b"[", b"[]", b"{", b'"', b'"[', b"\\", b'"\\', b'\\"', b'\\"[', b'"\\"[', b"[0,", b'"",'),
        *(b"\xff", rb'"\ud83d",', rb"\ud83d", b"[" + b"9" * 4000 + b",", b'{"":'),
    ],
)
def test_no_payload_keeps_the_decoder_busy(part: bytes) -> None:
    payload = (part * activity.MAX_BYTES)[: activity.MAX_BYTES]
    good = activity.encode(END)
    filler = good[:-1] + b',"x":"' + payload[: activity.MAX_BYTES - len(good) - 10] + b'"}'

    def read(payload: bytes) -> None:
        with suppress(InvalidActivity):
            activity.decode(str(END.topic), payload)

    for each in (payload, filler):
        assert within(0.5, partial(read, each))


def test_the_limit_is_ours_and_not_that_of_the_interpreter() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        with pytest.raises(InvalidActivity, match="levels"):
            as_activity(nested(5000))
    finally:
        sys.setrecursionlimit(limit)


# --- values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10.0", 10),
        ("1e3", 1000),
        ("10.5", 10.5),
        ("-0.0", 0),
        (str(2**53 - 1), 2**53 - 1),
        (r'{"a\ud83d": ["\ude00", "\ud83d\ude00"]}', {"a�": ["�", "😀"]}),
        (r'"\\ud83d"', r"\ud83d"),
    ],
)
def test_whole_floats_are_integers_and_half_characters_replaced(text: str, value: object) -> None:
    found = documents.load(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["", "NaN", "-Infinity", "[1,]", '"a\nb"', "{'a':1}", "\ufeff{}", "{}\0", '"\\x41"']
)
def test_what_is_no_json_is_told_as_such(text: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        documents.load(text)
    with pytest.raises(ValueError, match="not JSON"):
        documents.parse(text)
