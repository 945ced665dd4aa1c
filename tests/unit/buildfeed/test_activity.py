import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import UNSET, structs

from buildfeed import activity
from buildfeed.activity import (
    ENDINGS,
    Activity,
    Actor,
    Build,
    Script,
    decode,
    encode,
    shorten,
    timestamp,
    urn,
)
from buildfeed.errors import InvalidActivity
from buildfeed.topics import Topic
from support.samples import (
    BEGIN,
    END,
    ENDED,
    ERROR,
    LOG,
    NOW,
    PROGRESS,
    QUEUED,
    REAL_ERROR,
    RUNNING,
    START,
    STOP,
    document,
)

# --- what an activity is


@pytest.mark.parametrize(
    ("example", "kind"),
    [
        (START, "start"),
        (STOP, "stop"),
        (BEGIN, "status"),
        (PROGRESS, "progress"),
        (ERROR, "error"),
        (LOG, "log"),
        (END, "status"),
    ],
)
def test_the_kind_follows_from_the_type_and_the_status(example: Activity, kind: str) -> None:
    assert example.kind == kind
    assert example.topic == Topic("acme", "0193", kind)


def test_only_what_a_worker_says_has_a_worker() -> None:
    assert PROGRESS.worker == "w1"
    assert START.worker is None


def test_the_document_is_that_of_the_contract() -> None:
    assert document() == {
        "@context": ["https://www.w3.org/ns/activitystreams", {"@vocab": "urn:buildfeed:ns#"}],
        "id": "urn:buildfeed:acme:0193:1.7",
        "type": "Update",
        "published": "2026-11-21T10:15:03.218000Z",
        "summary": "acme 0193 is 70 % done, 1 error",
        "actor": {"type": "Service", "name": "w1", "id": "urn:buildfeed:worker:w1"},
        "object": {
            "type": "Build",
            "id": "urn:buildfeed:acme:0193",
            "project": "acme",
            "build": "0193",
            "status": "running",
            "progress": 70,
            "errors": 1,
            "error": "step 7: no such file",
            "attempt": 1,
            "seq": 7,
            "by": "ada",
            "priority": "normal",
            "script": {"seconds": 10, "steps": 10, "errors": [70]},
            "queuedTime": "2026-11-21T10:14:55.218000Z",
            "startTime": "2026-11-21T10:14:56.218000Z",
        },
    }


@pytest.mark.parametrize(
    ("build", "summary"),
    [
        (QUEUED, "acme 0193 is queued"),
        (RUNNING, "acme 0193 is 70 % done, 1 error"),
        (structs.replace(ENDED, errors=2), "acme 0193 is failed, 2 errors"),
    ],
)
def test_the_summary_is_a_plain_sentence(build: Build, summary: str) -> None:
    assert activity.summarize(build) == summary


def test_a_timestamp_is_utc_with_milliseconds() -> None:
    here = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert timestamp(here) == timestamp(NOW) == "2026-11-21T10:15:03.218Z"


# --- round trip

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)
counts = st.integers(0, 2**53 - 1)
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31), timezones=offsets)  # noqa: DTZ001 - hypothesis adds the zone
percents = st.integers(0, 100)
scripts = st.builds(
    Script,
    seconds=st.floats(0, 86_400, exclude_min=True),
    steps=st.integers(1, 10_000),
    errors=st.lists(percents, max_size=5).map(tuple),
)


def given_or_not(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(UNSET) | strategy


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    project, build = draw(names), draw(names)
    type_ = draw(st.sampled_from(["Offer", "Undo", "Accept", "Update", "Flag", "Add"]))
    status = draw(st.sampled_from(["queued", "running", *sorted(ENDINGS)]))
    attempt, seq = draw(counts), draw(counts)
    if type_ == "Offer":
        status, attempt, seq = "queued", 0, 0
    state = Build(
        id=urn(project, build),
        project=project,
        build=build,
        status=status,
        progress=draw(percents),
        errors=draw(counts),
        error=draw(given_or_not(texts)),
        attempt=attempt,
        seq=seq,
        by=draw(given_or_not(texts)),
        priority=draw(st.sampled_from(["high", "normal"])),
        script=draw(given_or_not(scripts)),
        queued_time=draw(given_or_not(times)),
        not_before=draw(given_or_not(times)),
        start_time=draw(given_or_not(times)),
        end_time=draw(given_or_not(times)),
    )
    actor = Actor(
        type=draw(st.sampled_from(["Person", "Service"])),
        name=draw(texts),
        id=draw(given_or_not(texts)),
    )
    made = Activity.about(state, type_, actor, draw(times), content=draw(given_or_not(texts)))
    stop_id = f"{state.id}:stop.{draw(st.uuids()).hex}"
    return structs.replace(made, id=stop_id) if type_ == "Undo" else made


@given(activities())
def test_an_activity_is_decoded_as_it_was_encoded(example: Activity) -> None:
    assert decode(str(example.topic), encode(example)) == example


@given(activities())
def test_the_json_schema_accepts_every_activity(example: Activity) -> None:
    Draft202012Validator(activity.schema()).validate(json.loads(encode(example)))


def test_the_json_schema_is_valid_and_refuses_a_hostile_name(hostile_name: object) -> None:
    Draft202012Validator.check_schema(activity.schema())
    bad = document()
    bad["object"]["project"] = hostile_name
    assert not Draft202012Validator(activity.schema()).is_valid(bad)


# --- shortening


@given(st.text(st.characters(exclude_categories=[])), st.integers(0, 40))
@example("a\ud83d", 4)
@example("\ude00\ud83d", 5)
def test_a_shortened_text_is_the_longest_start_that_fits(text: str, limit: int) -> None:
    clean = re.sub("[\ud800-\udfff]", "�", text)
    short = shorten(text, limit)
    assert clean.startswith(short)
    assert len(short.encode()) <= limit
    assert short == clean or len(clean[: len(short) + 1].encode()) > limit


# --- builds of commands


def test_what_a_tool_says_is_part_of_the_state() -> None:
    assert document(REAL_ERROR)["source"] == {"file": "src/a.c", "line": 3}
    told = document(REAL_ERROR)["object"]
    assert told["title"] == "make -j8"
    assert told["exitCode"] == 2
    assert "script" not in told
    assert decode(str(REAL_ERROR.topic), encode(REAL_ERROR)) == REAL_ERROR


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("job", "No Name"),
        ("parameters", {f"p{number}": "" for number in range(21)}),
        ("parameters", {"stage": "x" * 1025}),
        ("title", ""),
        ("phase", "x" * 201),
        ("done", -1),
        ("exitCode", 256),
        ("exitCode", -65),
        ("url", "javascript:alert(1)"),
        ("url", "http://"),
    ],
)
def test_what_does_not_fit_is_absent_and_in_a_start_refused(member: str, value: object) -> None:
    told = document(PROGRESS)
    told["object"][member] = value
    read = decode(str(PROGRESS.topic), json.dumps(told).encode())
    assert read == PROGRESS
    asked = document(START)
    asked["object"][member] = value
    with pytest.raises(InvalidActivity):
        decode(str(START.topic), json.dumps(asked).encode())


def test_a_percentage_that_is_not_known_is_in_no_summary() -> None:
    unknown = structs.replace(RUNNING, errors=0, indeterminate=True)
    assert activity.summarize(unknown) == "acme 0193 is running"
