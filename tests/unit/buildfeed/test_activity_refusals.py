import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from buildfeed.activity import (
    MAX_BYTES,
    MAX_LOG_BYTES,
    Activity,
    decode,
    encode,
    parse,
    timestamp,
    urn,
)
from buildfeed.errors import InvalidActivity, InvalidTopic
from buildfeed.topics import KINDS, Topic
from support.samples import ADA, ALL, ERROR, LOG, NOW, PROGRESS, QUEUED, RUNNING, STOP, W1, document

OF_ALL = pytest.mark.parametrize("example", ALL, ids=[f"{a.type}-{a.object.status}" for a in ALL])


def shortly(value: object) -> str:
    return repr(value)[:30]


def payload(document: object) -> bytes:
    return json.dumps(document).encode()


def refused(payload: bytes, topic: str = str(PROGRESS.topic)) -> str:
    with pytest.raises(InvalidActivity) as refusal:
        decode(topic, payload)
    assert refusal.value.topic == topic
    return refusal.value.reason


def test_a_hostile_name_is_refused_whatever_the_topic_says(hostile_name: object) -> None:
    for key in ("project", "build"):
        bad = document()
        bad["object"][key] = hostile_name
        refused(payload(bad))
        bad["object"]["id"] = urn(bad["object"]["project"], bad["object"]["build"])
        bad["id"] = f"{bad['object']['id']}:1.7"
        refused(payload(bad))


def test_a_hostile_name_is_never_published(hostile_text: str) -> None:
    for build in (
        structs.replace(RUNNING, project=hostile_text, id=urn(hostile_text, "0193")),
        structs.replace(RUNNING, build=hostile_text, id=urn("acme", hostile_text)),
    ):
        with pytest.raises((InvalidTopic, InvalidActivity)):
            encode(Activity.about(build, "Update", W1, NOW))


def test_a_topic_that_is_none_of_ours_is_refused_whatever_the_payload() -> None:
    with pytest.raises(InvalidTopic):
        decode("builds/acme.secret/0193/progress", b"{")


@OF_ALL
def test_an_activity_is_refused_on_any_other_topic(example: Activity) -> None:
    others = {Topic("acme", "0193", kind) for kind in KINDS} - {example.topic}
    others |= {Topic("other", "0193", example.kind), Topic("acme", "other", example.kind)}
    for topic in others:
        assert str(example.topic) in refused(encode(example), str(topic))


@OF_ALL
@pytest.mark.parametrize("id_", ["", "urn:buildfeed:acme:0193", "urn:buildfeed:acme:0193:1.70"])
def test_an_activity_with_another_id_is_refused(example: Activity, id_: str) -> None:
    refused(payload(document(example) | {"id": id_}), str(example.topic))


@pytest.mark.parametrize("id_", ["urn:buildfeed:other:0193", "urn:buildfeed:acme:0193:", ""])
def test_a_build_with_another_id_is_refused(id_: str) -> None:
    bad = document()
    bad["object"]["id"] = id_
    refused(payload(bad | {"id": f"{id_}:1.7"}))


@pytest.mark.parametrize("uuid", ["", "x" * 65, "a b", "a\n", "0193:stop.0193", "É"], ids=shortly)
def test_a_stop_has_an_id_that_fits_an_index(uuid: str) -> None:
    refused(payload(document(STOP) | {"id": f"{RUNNING.id}:stop.{uuid}"}), str(STOP.topic))


@pytest.mark.parametrize(
    "state", [{"status": "succeeded"}, {"status": "running"}, {"attempt": 1}, {"seq": 1}]
)
def test_a_start_is_queued_and_the_very_first(state: dict[str, Any]) -> None:
    bad = Activity.about(structs.replace(QUEUED, **state), "Offer", ADA, NOW)
    with pytest.raises(InvalidActivity, match="a start is"):
        encode(bad)


REQUIRED = {
    "": {"id", "type", "published", "actor", "object"},
    "actor": {"type", "name"},
    "object": {"id", "project", "build", "status", "progress", "errors", "attempt", "seq"},
    "script": set(),
}


def parts(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    build = document["object"]
    found = {"": document, "actor": document["actor"], "object": build}
    inner = {"script": build.get("script"), "source": document.get("source")}
    return found | {name: part for name, part in inner.items() if part is not None}


@pytest.mark.parametrize("part", REQUIRED)
def test_exactly_the_required_keys_are_required(part: str) -> None:
    for key in list(parts(document())[part]):
        shorter = document()
        del parts(shorter)[part][key]
        if key in REQUIRED[part]:
            assert key in refused(payload(shorter))
        else:
            parse(payload(shorter))


@pytest.mark.parametrize("part", REQUIRED)
@pytest.mark.parametrize("value", [None, "x", 1, {"deep": [{}]}, [[]], 10**400], ids=shortly)
def test_an_unknown_key_is_ignored(part: str, value: object) -> None:
    longer = document()
    parts(longer)[part]["newInVersion2"] = value
    assert decode(str(PROGRESS.topic), payload(longer)) == PROGRESS


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("", "type", "Announce"),
        ("", "type", ["Update"]),
        ("", "published", "2026-11-21T10:15:03"),  # no offset
        ("", "published", "yesterday"),
        ("", "published", 1_795_256_103),
        ("", "published", "0001-01-01T00:00:00+01:00"),  # has no UTC form in Python
        ("", "published", "9999-12-31T23:59:59-01:00"),
        ("actor", "type", "Group"),
        ("actor", "name", ""),
        ("actor", "name", "x" * 201),
        ("object", "status", "done"),
        ("object", "status", "Running"),
        ("object", "progress", -1),
        ("object", "progress", 101),
        ("object", "progress", 70.5),
        ("object", "progress", "70"),
        ("object", "progress", True),
        ("object", "progress", None),
        ("object", "progress", 10**4000),
        ("object", "progress", float("nan")),
        ("object", "progress", float("inf")),
        ("object", "errors", -1),
        ("object", "errors", 2**53),
        ("object", "attempt", 2**64),
        ("object", "seq", -1),
    ],
    ids=shortly,
)
def test_a_required_field_with_a_wrong_value_is_refused_by_its_name(
    part: str, key: str, value: object
) -> None:
    bad = document()
    parts(bad)[part][key] = value
    assert ".".join(filter(None, [part, key])) in refused(payload(bad))


@pytest.mark.parametrize("part", REQUIRED)
def test_a_required_field_that_is_null_is_refused_by_its_name(part: str) -> None:
    for key in REQUIRED[part]:
        bad = document()
        parts(bad)[part][key] = None
        reason = refused(payload(bad))
        assert "null" in reason
        assert reason.endswith(f"`$.{'.'.join(filter(None, [part, key]))}`")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "1",
        '"x"',
        "[]",
        "{}",
        "{",
        "NaN",
        "\ufeff{}",
        encode(PROGRESS).decode() + "\0{}",
        "[" * 60_000,
        '{"a":' * 9_000,
    ],
    ids=shortly,
)
def test_what_is_no_activity_is_refused(text: str) -> None:
    refused(text.encode())


@pytest.mark.parametrize(
    "broken",
    [b"\xff\xfe", b"\0", b"\x1b[31m", b"'ada'", rb'"\x41"'],
    ids=["bytes", "NUL", "colour", "quotes", "escape"],
)
def test_what_is_no_json_is_refused_as_such(broken: bytes) -> None:
    good = encode(PROGRESS)
    for payload in (broken, broken + good[1:], good.replace(b'"ada"', broken)):
        assert "not JSON" in refused(payload)


def test_another_encoding_is_refused() -> None:
    assert "not JSON" in refused(encode(PROGRESS).decode().encode("utf-16"))


def test_a_long_reason_is_cut_where_it_quotes_and_names_the_field() -> None:
    bad = document()
    bad["object"]["status"] = "x" * 50_000
    reason = refused(payload(bad))
    assert len(reason) <= 200
    assert reason.startswith("Invalid enum value")
    assert reason.endswith("`$.object.status`")


def test_64_kib_are_allowed_and_not_a_byte_more() -> None:
    room = MAX_BYTES - len(encode(structs.replace(ERROR, content="")))
    largest = structs.replace(ERROR, content="x" * room)
    assert len(encode(largest)) == MAX_BYTES
    assert decode(str(ERROR.topic), encode(largest)) == largest
    with pytest.raises(InvalidActivity, match="65537 bytes"):
        encode(structs.replace(ERROR, content="x" * (room + 1)))
    assert "65537 bytes" in refused(encode(largest) + b" ", str(ERROR.topic))


def test_a_log_and_the_text_of_an_error_have_limits_of_their_own() -> None:
    largest = structs.replace(LOG, content="é" * (MAX_LOG_BYTES // 2))
    assert decode(str(LOG.topic), encode(largest)) == largest
    with pytest.raises(InvalidActivity, match="16384 bytes"):
        encode(structs.replace(LOG, content="é" * (MAX_LOG_BYTES // 2 + 1)))
    with pytest.raises(InvalidActivity, match="1024 bytes"):
        encode(structs.replace(ERROR, object=structs.replace(ERROR.object, error="é" * 513)))
    longer = payload(document(LOG) | {"content": "é" * (MAX_LOG_BYTES // 2 + 1)})
    assert "16384 bytes" in refused(longer, str(LOG.topic))


def test_what_has_no_utf_8_is_refused_when_published() -> None:
    with pytest.raises(InvalidActivity):
        encode(structs.replace(LOG, content="\ud800"))


@pytest.mark.parametrize(
    "value", [None, [], "x" * 50_000, [[[[]]]], 10**30, {"@vocab": "urn:x"}], ids=shortly
)
def test_the_context_of_others_is_neither_read_nor_kept(value: object) -> None:
    other = document() | {"@context": value}
    assert decode(str(PROGRESS.topic), payload(other)) == PROGRESS


# --- whatever comes in

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\ud800", 10**400, "Update", "running", str(PROGRESS.topic)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def accepted(topic: str, payload: bytes) -> Activity | None:
    """Decode; anything raised but a refusal fails the test."""
    try:
        return decode(topic, payload)
    except (InvalidTopic, InvalidActivity):
        return None


@given(st.text() | st.just(str(PROGRESS.topic)), st.binary() | anything.map(payload))
def test_no_input_is_an_activity_by_chance(topic: str, payload: bytes) -> None:
    assert accepted(topic, payload) is None


@given(st.data())
def test_a_damaged_activity_is_refused_or_can_be_passed_on(data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(ALL))
    damaged = document(example)
    part = data.draw(st.sampled_from(list(parts(damaged).values())))
    part[data.draw(st.sampled_from(list(part)))] = data.draw(anything)
    if known := accepted(str(example.topic), payload(damaged)):
        assert decode(str(known.topic), encode(known)) == known
        assert timestamp(known.published).endswith("Z")


@given(st.sampled_from(ALL), st.integers(0, 400), st.binary(max_size=3))
def test_a_garbled_payload_is_refused_or_can_be_passed_on(
    example: Activity, place: int, noise: bytes
) -> None:
    garbled = bytearray(encode(example))
    garbled[place : place + len(noise)] = noise
    if known := accepted(str(example.topic), bytes(garbled)):
        assert decode(str(known.topic), encode(known)) == known
