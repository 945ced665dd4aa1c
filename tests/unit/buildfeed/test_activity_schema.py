"""The JSON Schema and the decoder: one accepts what the other does."""

import json
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from buildfeed import activity
from buildfeed.activity import MAX_ERROR_BYTES, parse, urn
from buildfeed.errors import InvalidActivity
from support.samples import ALL, END, START, document

SCHEMA = activity.schema()
VALIDATOR = Draft202012Validator(SCHEMA)
WRITTEN = Draft202012Validator(SCHEMA | {"$ref": "#/$defs/Activity"})
Document = dict[str, Any]


def accepted(found: object) -> bool:
    """Whether the decoder takes it, as the bytes that a program would send."""
    try:
        known = parse(json.dumps(found).encode())
    except InvalidActivity:
        return False
    assert parse(activity.document(known)) == known
    return True


# --- documents made from the schema

texts = st.text(st.characters(exclude_categories=[]), max_size=20)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from(["", "2026-11-21T10:15:03Z", "Offer", "failed", 70.0, 70, [], {}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def made(form: Document) -> st.SearchStrategy[Any]:
    """Everything that a form in the schema allows."""
    match form:
        case {"$ref": ref}:
            return made(SCHEMA["$defs"][ref.rpartition("/")[2]])
        case {"anyOf": forms}:
            return st.one_of(*map(made, forms))
        case {"enum": values}:
            return st.sampled_from(values)
        case {"type": "object", "properties": members}:
            required = form["required"]
            return st.fixed_dictionaries(
                {key: made(members[key]) for key in required},
                optional={key: made(members[key]) for key in members.keys() - required},
            )
        case {"type": "array", "items": items}:
            return st.lists(made(items), max_size=4)
    return SIMPLE[form.get("type")](form)


def string(form: Document) -> st.SearchStrategy[str]:
    if "pattern" in form:
        return st.from_regex(form["pattern"])
    halves = st.characters(exclude_categories=[])
    return st.text(halves, min_size=form.get("minLength", 0), max_size=form.get("maxLength", 2000))


def dictionary(form: Document) -> st.SearchStrategy[Document]:
    keys, members = string(form["propertyNames"]), made(form["additionalProperties"])
    return st.dictionaries(keys, members, max_size=3)


def integer(form: Document) -> st.SearchStrategy[int | float]:
    whole = st.integers(form["minimum"], form["maximum"])
    return whole | whole.map(float).filter(lambda number: number <= form["maximum"])


def number(form: Document) -> st.SearchStrategy[float]:
    return st.floats(form["exclusiveMinimum"], form["maximum"], exclude_min=True)


SIMPLE = {
    "string": string,
    "object": dictionary,
    "integer": integer,
    "number": number,
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
    None: lambda _: anything,
}


def with_ids(found: Document) -> Document:
    """The same with the ids that belong to it, and as a start where it says so."""
    build = found["object"]
    if found["type"] == "Offer":
        build |= {"status": "queued", "attempt": 0, "seq": 0}
    build["id"] = urn(build["project"], build["build"])
    found["id"] = f"{build['id']}:{int(build['attempt'])}.{int(build['seq'])}"
    if found["type"] == "Undo":
        found["id"] = f"{build['id']}:stop.{'0' * 32}"
    return found


strict = made({"$ref": "#/$defs/Activity"}).map(with_ids)
loose = made({"$ref": "#/$defs/Report"}).map(with_ids)


def days_exist(found: Document) -> bool:
    """What a pattern cannot say: that April has no 31st. Leap seconds aside."""
    times = [found.get("published")]
    build = found.get("object")
    if found.get("type") == "Offer" and isinstance(build, dict):
        times += [build.get(key) for key in ("queuedTime", "notBefore", "startTime", "endTime")]
    for text in times:
        if isinstance(text, str) and re.match(SCHEMA_TIME, text):
            try:
                datetime.fromisoformat(text[:10])
            except ValueError:
                return False
    return True


SCHEMA_TIME = SCHEMA["$defs"]["Activity"]["properties"]["published"]["pattern"]


@given(strict)
def test_what_the_schema_says_to_write_is_accepted(found: Document) -> None:
    assume(days_exist(found))
    assert WRITTEN.is_valid(found)
    assert VALIDATOR.is_valid(found)
    assert accepted(found)


@given(strict | loose | st.sampled_from(ALL).map(document), st.data())
def test_the_schema_accepts_exactly_what_the_decoder_does(
    found: Document, data: st.DataObject
) -> None:
    for _ in range(data.draw(st.integers(0, 3))):
        parts = [found, found.get("actor"), found.get("object")]
        build = found.get("object")
        parts.append(build.get("script") if isinstance(build, dict) else None)
        part = data.draw(st.sampled_from([each for each in parts if isinstance(each, dict)]))
        known = SCHEMA["$defs"]["Build"]["properties"].keys() | {"summary", "content", "seconds"}
        key = data.draw(st.sampled_from(sorted(part.keys() | known)) | texts)
        if key in ("id", "project", "build"):
            continue  # ids, which the schema cannot compare
        change = data.draw(st.sampled_from(["null", "drop", "other", "other"]))
        if change == "drop":
            part.pop(key, None)
        else:
            part[key] = None if change == "null" else data.draw(anything)
    with_ids_again(found)
    assume(days_exist(found))
    assert VALIDATOR.is_valid(found) == accepted(found)


def with_ids_again(found: Document) -> None:
    """Fit the id to another attempt, seq or type, where there is one."""
    build = found.get("object")
    members = build if isinstance(build, dict) else {}
    id_, counts = members.get("id", ""), [members.get(key) for key in ("attempt", "seq")]
    if found.get("type") == "Undo":
        found["id"] = f"{id_}:stop.{'0' * 32}"
    elif all(isinstance(count, int | float) and abs(count) < 2**53 for count in counts):
        found["id"] = f"{id_}:{int(counts[0])}.{int(counts[1])}"


@given(anything)
@example(None)
@example([])
@example({"type": "Offer"})
def test_what_is_no_activity_is_none_for_both(found: object) -> None:
    assert not VALIDATOR.is_valid(found)
    assert not accepted(found)


@given(st.from_regex(SCHEMA_TIME) | st.text() | st.datetimes().map(str))
@example("2026-12-31T23:59:60Z")
@example("2026-12-31t23:59:59.1234567890z")
@example("2026-12-31 23:59:59+0530")
@example("2026-12-31_23:59:59Z")
@example("2026-12-31T23:59:59+05")
@example("2026-12-31T23:59:59+5")
@example("2026-12-31T23:59,5Z")
@example("2026-12-31T23:59+01")
@example("2026-12-31T23:59:59,123+0530")
@example("2026-12-31T23Z")
@example("2026-12-31T23:59:59.Z")
@example("2026-12-31T24:00:00Z")
@example("2026-12-31T23:59:59Z\n")
@example("1969-12-31T23:59:59Z")
@example("9999-01-01T00:00:00Z")
@example("２026-12-31T23:59:59Z")
def test_a_time_is_one_for_both(text: str) -> None:
    found = document(END) | {"published": text}
    assume(days_exist(found))
    assert VALIDATOR.is_valid(found) == accepted(found)


@pytest.mark.parametrize("member", ["published", "queuedTime"])
def test_a_day_in_no_calendar_is_refused_though_no_schema_can_say_so(member: str) -> None:
    found = document(START)
    (found if member == "published" else found["object"])[member] = "2026-02-30T10:15:03Z"
    assert VALIDATOR.is_valid(found)
    assert not accepted(found)
    assert "calendar" in SCHEMA["$comment"]


def test_what_no_schema_can_say_is_said_in_words() -> None:
    for limit in (activity.MAX_BYTES, activity.MAX_LOG_BYTES, activity.documents.MAX_DEPTH):
        assert str(limit) in SCHEMA["$comment"]


def test_an_error_of_any_length_is_accepted_by_both() -> None:
    found = document(START)
    found["object"]["error"] = "é" * MAX_ERROR_BYTES
    assert VALIDATOR.is_valid(found)
    assert accepted(found)


def test_a_report_may_have_what_may_not_be_written() -> None:
    found = document(END)
    found["object"]["by"] = 5
    assert not WRITTEN.is_valid(found)
    assert VALIDATOR.is_valid(found)
    assert accepted(found)


def test_the_schema_is_one(hostile_name: object) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for each in ALL:
        assert WRITTEN.is_valid(document(each))
        bad = document(each)
        bad["object"]["project"] = hostile_name
        assert not VALIDATOR.is_valid(bad)
