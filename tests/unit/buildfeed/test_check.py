"""`buildfeed check`: what it says of payloads, good and bad."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from buildfeed import activity
from buildfeed.activity import Activity
from buildfeed.check import check
from buildfeed.cli.check import main
from buildfeed.errors import BuildfeedError
from buildfeed.topics import KINDS
from support.samples import ALL, END, PROGRESS, START, document


def ending(**state: object) -> bytes:
    found = document(END)
    found["object"] |= state
    return json.dumps(found).encode()


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.kind)
def test_an_activity_is_told_its_topic_and_how_it_is_published(example: Activity) -> None:
    verdict = check(activity.encode(example))
    assert (verdict.topic, verdict.reason) == (str(example.topic), "")
    assert (verdict.qos, verdict.retain) == (KINDS[example.kind].qos, False)
    commands = {"start", "stop"}
    assert bool(verdict.warnings) == (example.kind in commands), "only a gateway publishes those"


def test_a_presence_is_retained() -> None:
    verdict = check(b'{"worker": "w1", "status": "online", "slots": 2}')
    assert (verdict.topic, verdict.qos, verdict.retain) == ("workers/w1/status", 1, True)
    assert not verdict.warnings


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "it is not JSON: Expecting value: character 1."),
        (b"{]", "it is not JSON: Expecting property name enclosed in double quotes: character 2."),
        (b"[1]", "the document: Expected `object`, got `array`."),
        (b"{}", "Object missing required field `id`."),
        (ending(progress="70"), "object.progress: Expected `int`, got `str`."),
        (ending(status="done"), "object.status: Invalid enum value 'done'."),
        (ending(attempt=2), "id is not {object.id}:{object.attempt}.{object.seq}."),
        (
            ending(project="ACME"),
            "object.project and object.build match a name: 1 to 64 characters of a-z 0-9 - _.",
        ),
        (
            b'{"worker": "W 1", "status": "online"}',
            "worker: Expected a name: 1 to 64 characters of a-z 0-9 - _.",
        ),
        (b'{"worker": "w1"}', "Object missing required field `status`."),
        (ending(x="y" * 70_000), "it has over 65536 bytes, which is the most for an activity."),
        (b"[" * 100, "it nests deeper than 64 levels."),
        ("{}".encode("utf-16"), "it is not JSON: its encoding is not UTF-8."),
    ],
)
def test_what_is_refused_has_a_reason(payload: bytes, reason: str) -> None:
    verdict = check(payload)
    assert (verdict.topic, verdict.reason) == ("", reason)


@pytest.mark.parametrize(
    ("payload", "warnings"),
    [
        (ending(error=None, endTime=None), ()),
        (b"\xef\xbb\xbf" + ending(), ("the byte order mark in front is skipped.",)),
        (ending(colour=1), ('"object.colour" is not known, and is ignored.',)),
        (
            ending(startTime="yesterday"),
            ('object.startTime does not fit, and is taken as absent: "yesterday".',),
        ),
        (
            ending(priority="urgent"),
            ('object.priority is read as "normal" instead of "urgent".',),
        ),
        (
            ending(endTime="2026-11-21 10:15:03+05"),
            ("object.endTime is no time of RFC 3339, and is read as 2026-11-21T10:15:03+05:00.",),
        ),
        (ending(endTime="2026-11-21T10:15:03.123456789+05:30"), ()),
        (ending(error="cut \ud83d"), ("half a character is read as �.",)),
        (ending(error="\U0001f600"), ()),
        (ending(eta=float("nan")), ("NaN is no JSON, and is read as null.", "is not known")),
        (ending(progress=100.0, size=10**400), ('"object.size" is not known, and is ignored.',)),
        (
            ending().replace(b'"attempt": 1', b'"attempt": 0, "attempt": 1'),
            ('"attempt" is there twice, and the last one counts.',),
        ),
        (ending(error="a").replace(b'"a"', b'"\xff"'), ("bytes that are no UTF-8 are read as �.",)),
        (ending(error="a").replace(b'"a"', b'"\x1b"'), ("control characters are to be escaped.",)),
        (ending(error="x" * 2000), ("object.error is read as",)),
    ],
)
def test_what_is_read_otherwise_is_a_warning(payload: bytes, warnings: tuple[str, ...]) -> None:
    verdict = check(payload)
    assert verdict.topic == "builds/acme/0193/status"
    assert len(verdict.warnings) == len(warnings)
    for said, expected in zip(verdict.warnings, warnings, strict=True):
        assert expected in said


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda key, value: json.dumps(document(PROGRESS) | {key: value}).encode(),
        st.sampled_from(["id", "object", "actor", "published", "worker", "content", "\ud83d"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(st.characters()),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=4,
        ),
    )
)
def test_it_says_of_anything_what_the_decoder_says(payload: bytes) -> None:
    verdict = check(payload)
    assert bool(verdict.topic) != bool(verdict.reason)
    assert all("\n" not in each for each in (verdict.reason, *verdict.warnings))
    if verdict.topic.startswith("builds/"):
        activity.decode(verdict.topic, payload)
    else:
        with pytest.raises(BuildfeedError):
            activity.parse(payload)


def test_the_command_tells_each_document_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "said.json"
    file.write_bytes(b"\r\n".join([activity.encode(PROGRESS), ending(colour=1), b"no", b"{}"]))
    done = CliRunner().invoke(main, [str(file)])
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "line 1: builds/acme/0193/progress, QoS 0, not retained",
        "line 2: builds/acme/0193/status, QoS 1, not retained",
        'line 2: warning: "object.colour" is not known, and is ignored.',
        "line 3: refused: it is not JSON: Expecting value: character 1.",
        "line 4: refused: Object missing required field `id`.",
    ]


def test_the_command_ends_with_0_when_all_are_accepted() -> None:
    piped = json.dumps([document(each) for each in ALL], indent=2).encode()
    done = CliRunner().invoke(main, ["-"], input=piped)
    assert done.exit_code == 0
    assert [line for line in done.output.splitlines() if "warning" not in line] == [
        f"line {number}: {each.topic}, QoS {KINDS[each.kind].qos}, not retained"
        for number, each in zip(_lines(piped), ALL, strict=True)
    ]


def _lines(printed: bytes) -> list[int]:
    lines = printed.decode().splitlines()
    return [number for number, line in enumerate(lines, 1) if line == "  {"]


def test_nothing_at_all_is_told_and_a_missing_file_too(tmp_path: Path) -> None:
    empty = CliRunner().invoke(main, [], input=b"\xef\xbb\xbf\n")
    assert (empty.exit_code, empty.output) == (1, "There is no document.\n")
    missing = CliRunner().invoke(main, [str(tmp_path / "none.json")])
    assert missing.exit_code == 2
    assert "No such file" in missing.output


def test_a_start_that_does_not_fit_is_refused_as_it_is_an_order() -> None:
    found = document(START)
    found["object"]["priority"] = "urgent"
    assert (
        check(json.dumps(found).encode()).reason == "object.priority: Invalid enum value 'urgent'."
    )
