"""One activity of every kind, of one build, for the tests of the vocabulary."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import UNSET, structs

from buildfeed.activity import Activity, Actor, Build, Script, Source, encode, urn, worker_actor

NOW = datetime(2026, 11, 21, 10, 15, 3, 218_000, tzinfo=UTC)
RUNNING = Build(
    id=urn("acme", "0193"),
    project="acme",
    build="0193",
    status="running",
    progress=70,
    errors=1,
    error="step 7: no such file",
    attempt=1,
    seq=7,
    by="ada",
    priority="normal",
    script=Script(seconds=10, steps=10, errors=(70,)),
    queued_time=NOW - timedelta(seconds=8),
    start_time=NOW - timedelta(seconds=7),
)
QUEUED = structs.replace(
    RUNNING, status="queued", progress=0, errors=0, error=UNSET, attempt=0, seq=0, start_time=UNSET
)
ENDED = structs.replace(RUNNING, status="failed", progress=100, seq=12, end_time=NOW)
ADA = Actor(type="Person", name="ada")
W1 = worker_actor("w1")

START = Activity.about(QUEUED, "Offer", ADA, NOW)
STOP = Activity(
    id=f"{RUNNING.id}:stop.{'0' * 32}", type="Undo", published=NOW, actor=ADA, object=RUNNING
)
BEGIN = Activity.about(RUNNING, "Accept", W1, NOW)
PROGRESS = Activity.about(RUNNING, "Update", W1, NOW)
ERROR = Activity.about(RUNNING, "Flag", W1, NOW, content="step 7: no such file\nand why")
LOG = Activity.about(RUNNING, "Add", W1, NOW, content="compiling\n")
END = Activity.about(ENDED, "Update", W1, NOW)
REAL_ERROR = Activity.about(
    structs.replace(
        RUNNING,
        script=UNSET,
        job="default",
        parameters={"stage": "test"},
        title="make -j8",
        phase="Linking",
        done=3,
        total=7,
        indeterminate=False,
        exit_code=2,
        url="https://ci.example/7",
    ),
    "Flag",
    W1,
    NOW,
    content="src/a.c:3: no such file",
    source=Source(file="src/a.c", line=3),
)
"""An error of a command; no command goes on after its exit, it only has every member."""
ALL = [START, STOP, BEGIN, PROGRESS, ERROR, REAL_ERROR, LOG, END]


def document(example: Activity = PROGRESS) -> dict[str, Any]:
    return json.loads(encode(example))
