"""Whatever an activity says that is accepted: watchers are sent a body, and so are lists."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from buildfeed.activity import decode, urn
from buildfeed.board import BuildState
from buildfeed.errors import InvalidActivity
from gateway.transports.fan_out import _frame
from support.scene import Scene

Example = tuple[str, dict[str, Any]]

MOST = 2**53 - 1
EXTREME_TIMES = (
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00+23:59",
    "1970-01-01T00:00:00-23:59",
    "2026-11-21T10:15:03.218Z",
    "2026-11-21T23:59:60,9+01",
    "9998-12-31T23:59:59.999999Z",
    "9998-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    None,
)
times = st.sampled_from(EXTREME_TIMES)
counts = st.sampled_from([0, 1, 2, MOST - 1, MOST])
texts = st.sampled_from(["", "ä", "\ud800", "x" * 200, "\x00", "[999,999,999 bytes"])
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "queuedTime": times,
    "notBefore": times,
    "startTime": times,
    "endTime": times,
    "error": texts,
    "title": texts,
    "phase": texts,
    "by": texts,
    "done": counts,
    "total": counts,
    "exitCode": st.sampled_from([-64, 255, 10**30]),
    "script": st.just({"seconds": 1e-300, "steps": 10_000, "errors": [0, 100]}),
    "parameters": st.dictionaries(st.just("stage"), texts),
}


@st.composite
def documents(draw: st.DrawFn) -> Example:
    """Return the topic and the document of an activity; all are of the same few builds."""
    build = draw(st.sampled_from(["b1", "b2"]))
    type_, kind, statuses = draw(
        st.sampled_from(
            [
                ("Offer", "start", ["queued"]),
                ("Accept", "status", ["running"]),
                ("Update", "progress", ["running", "queued"]),
                ("Update", "status", ["succeeded", "failed", "stopped"]),
                ("Flag", "error", ["running"]),
                ("Add", "log", ["running"]),
                ("Undo", "stop", ["running", "queued"]),
            ]
        )
    )
    attempt, seq = (0, 0) if kind == "start" else (draw(counts), draw(counts))
    id_ = urn("acme", build)
    state = {
        "type": "Build",
        "id": id_,
        "project": "acme",
        "build": build,
        "status": draw(st.sampled_from(statuses)),
        "progress": draw(st.sampled_from([0, 100])),
        "errors": draw(counts),
        "attempt": attempt,
        "seq": seq,
        **draw(st.fixed_dictionaries({}, optional=OPTIONAL)),
    }
    document = {
        "id": f"{id_}:stop.0" if kind == "stop" else f"{id_}:{attempt}.{seq}",
        "type": type_,
        "published": draw(times),
        "actor": {"type": draw(st.sampled_from(["Service", "Person"])), "name": "w1"},
        "object": state,
        "content": draw(texts),
        "offset": draw(counts),
    }
    return f"builds/acme/{build}/{kind}", document


@given(st.lists(documents(), max_size=8))
def test_every_activity_that_is_accepted_has_a_body(found: list[Example]) -> None:
    scene = Scene()
    scene.watch("ada", "builds/#", "builds/acme/b1/log", "builds/acme/b2/log")
    states: list[BuildState] = []
    for topic, document in found:
        try:
            activity = decode(topic, json.dumps(document).encode())
        except InvalidActivity:
            continue
        if state := scene.live.receive(activity):
            states.append(state)
    wanted = scene.live.durations.take_wanted()
    scene.live.learn({job: [("b0", 2.5e11), ("b00", 31e6)] for job in wanted})
    scene.live.heal(states)
    for event in scene.sent:
        assert _frame(event.name, event.body())
    for state in states:
        assert _frame("build", scene.live.body(state))
