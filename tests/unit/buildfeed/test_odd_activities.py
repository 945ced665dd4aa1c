"""Oddities of real programs: an ending counts all the same, a start is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET, structs

from buildfeed.activity import (
    MAX_ERROR_BYTES,
    Activity,
    Script,
    decode,
    encode,
    parse,
)
from buildfeed.activity import document as stored
from buildfeed.errors import InvalidActivity
from support.samples import ALL, END, ENDED, LOG, PROGRESS, START, STOP, document

OPTIONAL = {
    "": ("summary", "content"),
    "actor": ("id",),
    "object": (
        *("type", "error", "by", "priority", "script"),
        *("queuedTime", "notBefore", "startTime", "endTime"),
    ),
    "script": ("seconds", "steps", "errors"),
}
MEMBERS = [(part, key) for part, keys in OPTIONAL.items() for key in keys]


def parts(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    build = found["object"]
    build.setdefault("script", {})
    return {"": found, "actor": found["actor"], "object": build, "script": build["script"]}


def changed(example: Activity, part: str, key: str, value: object) -> bytes:
    found = document(example)
    parts(found)[part][key] = value
    return json.dumps(found).encode()


def without(example: Activity, part: str, key: str) -> Activity:
    found = document(example)
    parts(found)[part].pop(key, None)
    return parse(json.dumps(found).encode())


def read(payload: bytes, example: Activity = END) -> Activity:
    """Decode; what comes out can be published, stored and read back."""
    known = decode(str(example.topic), payload)
    assert decode(str(example.topic), encode(known)) == known
    assert parse(stored(known)) == known
    return known


def ending(**state: Any) -> bytes:
    found = document(END)
    found["object"] |= state
    return json.dumps(found).encode()


# --- null, and what cannot be used


@pytest.mark.parametrize(("part", "key"), MEMBERS)
@pytest.mark.parametrize("example", ALL, ids=lambda example: example.kind)
def test_null_is_absence(example: Activity, part: str, key: str) -> None:
    assert read(changed(example, part, key, None), example) == without(example, part, key)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("", "content", ["a"]),
        ("", "summary", 1),
        ("actor", "id", 7),
        ("object", "type", "Job"),
        ("object", "type", ["Build"]),
        ("object", "error", {"message": "boom"}),
        ("object", "by", ""),
        ("object", "by", "x" * 201),
        ("object", "by", 5),
        ("object", "priority", "urgent"),
        ("object", "script", "make -j4"),
        ("object", "queuedTime", "2026-11-21"),
        ("object", "startTime", "yesterday"),
        ("object", "startTime", "0001-01-01T00:00:00Z"),  # Go's zero time
        ("object", "endTime", "9999-12-31T23:59:59-01:00"),
        ("object", "endTime", "2026-11-21T10:15:03"),
        ("object", "endTime", "2026-02-30T10:15:03Z"),
        ("object", "endTime", 1_795_256_103),
        ("object", "notBefore", ""),
        ("script", "seconds", 0),
        ("script", "seconds", float("inf")),
        ("script", "steps", 10_001),
        ("script", "steps", 10**4000),
        ("script", "errors", [101]),
        ("script", "errors", [0] * 1001),
        ("script", "errors", 70),
    ],
    ids=lambda value: repr(value)[:25],
)
def test_what_cannot_be_used_is_absent_from_an_ending_and_refused_in_a_start(
    part: str, key: str, value: object
) -> None:
    def said(example: Activity) -> bytes:
        return changed(example, part, key, value).replace(b"Infinity", b"1e999")

    for example in (END, PROGRESS, STOP):
        assert read(said(example), example) == without(example, part, key)
    with pytest.raises(InvalidActivity, match=key):
        decode(str(START.topic), said(START))


# --- texts


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("cut \ud83d", "cut �"),
        ("\ude00\ud83d", "��"),
        ("\ud83d\ud83d\ude00", "�😀"),
        ("\\ud83d", "\\ud83d"),
        ("\0 and \x1b[31mred\x7f", "\0 and \x1b[31mred\x7f"),
        ("", ""),
        ("x" * 1025, "x" * 1024),
        ("é" * 5000, "é" * 512),
        ("😀" * 300, "😀" * 256),
        ("x" + "é" * 513, "x" + "é" * 511),
        ("\ud83d" * 1000, "�" * 341),
    ],
    ids=lambda value: repr(value)[:25],
)
def test_half_characters_are_replaced_and_a_long_error_is_cut(error: str, text: str) -> None:
    assert read(ending(error=error)).object.error == text
    assert len(text.encode()) <= MAX_ERROR_BYTES


def test_half_characters_are_replaced_wherever_they_stand() -> None:
    found = document(END) | {"summary": "a\ud83d", "content": "b\ud83d", "new\ud83d": ["\ud83d"]}
    found["actor"] |= {"name": "w\ud83d", "id": "i\ud83d"}
    found["object"] |= {"by": "c\ud83d", "new\ud83d": {"\ud83d": "\ud83d"}}
    known = read(json.dumps(found).encode())
    assert (known.summary, known.content, known.object.by) == ("a�", "b�", "c�")
    assert (known.actor.name, known.actor.id) == ("w�", "i�")


GOOD = encode(END)


@pytest.mark.parametrize(
    "payload",
    [
        b"\xef\xbb\xbf" + GOOD,
        b" \xef\xbb\xbf\xef\xbb\xbf\n" + GOOD,
        b" \r\n\t" + GOOD + b"\n",
        GOOD + b"\0",
        GOOD + b"\n\0\0",
        GOOD.replace(b'"progress":100', b'"progress":1e2'),
        GOOD.replace(b'"progress":100', b'"progress":100.0'),
        GOOD.replace(b'"attempt":1,"seq":12', b'"attempt":1.0,"seq":12.0'),
        GOOD.replace(b'"steps":10,"errors":[70]', b'"steps":10.0,"errors":[70.0]'),
        GOOD[:-1] + b',"eta":NaN,"load":-Infinity,"size":1e999,"count":1' + b"0" * 5000 + b"}",
        GOOD[:-1] + b',"published":"' + document(END)["published"].encode() + b'"}',
        GOOD[:-1] + b',"output":"\xff\xfe","\xff":1}',
        GOOD[:-1] + rb',"output":"\ud83d","\ude00":1}',
        GOOD[:-1] + b',"output":"a\nb\x1b\x00"}',
    ],
    ids=lambda payload: repr(payload[-30:])[2:-1],
)
def test_an_oddity_that_changes_nothing_is_let_pass(payload: bytes) -> None:
    assert read(payload) == END


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"caf\xc3", "caf�"),
        (b"caf\xe9 ferm\xe9", "caf� ferm�"),
        (b"\xf0\x9f\x98", "�"),
        (b"\xed\xa0\xbd", "���"),
        (b"\xc0\xaf", "��"),
        (b"line 1\nline 2\t\x1b[31mred\x00", "line 1\nline 2\t\x1b[31mred\0"),
    ],
)
def test_raw_bytes_that_are_no_text_are_replaced(raw: bytes, text: str) -> None:
    payload = GOOD.replace(b"step 7: no such file", raw)
    assert read(payload).object.error == text


@pytest.mark.parametrize("raw", [b"\xff", b"\xc0\xae", b"\x00", rb"\ud800", b"\xef\xbb\xbf"])
def test_a_name_is_never_mended(raw: bytes) -> None:
    for payload in (GOOD.replace(b"acme", b"acme" + raw), GOOD.replace(b"0193", raw + b"0193")):
        with pytest.raises(InvalidActivity):
            decode(str(END.topic), payload)
        with pytest.raises(InvalidActivity):
            parse(payload)


# --- times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-12-31t23:59:59z", 59.0),
        ("2026-12-31 23:59:59Z", 59.0),
        ("2026-12-31T23:59:59.1234567Z", 59.123457),
        ("2026-12-31T23:59:59.1Z", 59.1),
        ("2026-12-31T23:59:60Z", 59.0),
        ("2026-12-31T23:59:60.25Z", 59.25),
        ("2027-01-01T05:29:60+05:30", 59.0),
        ("2027-01-01T05:29:59+0530", 59.0),
        ("2026-12-31T23:59:59-00:00", 59.0),
        ("2026-12-31 23:59:59.25+00", 59.25),
        ("2026-12-31T18:59:59-05", 59.0),
        ("2026-12-31T23:59:59,5Z", 59.5),
        ("2026-12-31T23:59Z", 0.0),
        ("2027-01-01 05:29+0530", 0.0),
        ("2026-12-31T23:59:60,9+00", 59.9),
    ],
)
def test_every_form_of_a_time_is_read(text: str, seconds: float) -> None:
    payload = json.loads(ending(endTime=text)) | {"published": text}
    known = read(json.dumps(payload).encode())
    minute = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    for time in (known.published, known.object.end_time):
        assert isinstance(time, datetime)
        assert (time - minute).total_seconds() == seconds


# --- what stays as it is


def test_the_content_of_an_ending_may_be_long_and_that_of_a_log_may_not() -> None:
    assert read(changed(END, "", "content", "x" * 20_000)).content == "x" * 20_000
    with pytest.raises(InvalidActivity, match="content of a log"):
        decode(str(LOG.topic), changed(LOG, "", "content", "x" * 20_000))


def test_an_ending_of_the_required_members_alone_counts() -> None:
    found = document(END)
    bare = {key: found[key] for key in ("id", "type", "published")}
    bare["actor"] = {"type": "Service", "name": "w1"}
    keys = ("id", "project", "build", "status", "progress", "errors", "attempt", "seq")
    bare["object"] = {key: found["object"][key] for key in keys}
    known = read(json.dumps(bare).encode())
    assert known.object.ended
    assert known.object == structs.replace(
        ENDED,
        **dict.fromkeys(("error", "by", "script", "queued_time", "start_time", "end_time"), UNSET),
    )


def test_an_oddity_in_one_member_of_a_script_leaves_the_others() -> None:
    script = {"seconds": "long", "steps": 3, "errors": None}
    assert read(ending(script=script)).object.script == Script(steps=3)
