"""Payloads on the topics of builds and workers that are nearly activities and presences."""

import json
import random
from copy import deepcopy
from typing import Any

from buildfeed import activity, presence
from buildfeed.presence import Presence
from support.builders import accept, ending, error, log, progress, start, stop

_SAMPLES = [start(), accept(), progress(40), error("no file", 41), log("x\n", 42), ending()]
SAID = [(str(each.topic), activity.encode(each)) for each in [*_SAMPLES, stop(_SAMPLES[1])]]
SAID += [("workers/w1/status", presence.encode(Presence("w1", "online")))]
STRANGE: list[Any] = [
    None,
    True,
    -1,
    0.5,
    1e308,
    2**70,
    "",
    "x" * 3000,
    "\x00",
    "\ud83d",
    [],
    {},
    [[]],
]
STRANGE += [
    "2026-11-21T10:15:03Z",
    "9999-12-31T23:59:60Z",
    {"a": {"b": []}},
    "urn:buildfeed:a:b:0.0",
]
TOPICS = [
    "builds/{0}/{1}/status",
    "builds/{0}/{1}/progress",
    "builds/{0}/{1}/log",
    "workers/{0}/status",
]


def some_message(rng: random.Random) -> tuple[str, bytes]:
    """Return a topic and a payload, mostly of an activity with something changed."""
    topic, payload = rng.choice(SAID)
    kind = rng.random()
    if kind < 0.1:
        return topic, payload
    if kind < 0.6:
        document = json.loads(payload)
        for _ in range(rng.choice([1, 1, 2, 5])):
            _change(rng, document)
        payload = json.dumps(document).encode()
    elif kind < 0.7:
        payload = b"[" * rng.choice([10, 70, 5000])
    else:
        at = rng.randrange(len(payload))
        payload = payload[:at] + rng.randbytes(rng.randrange(4)) + payload[at + rng.randrange(3) :]
    if rng.random() < 0.1:
        names = [rng.choice(["acme", "b1", "w1", "x" * 64, "0"]) for _ in range(2)]
        topic = rng.choice(TOPICS).format(*names)
    return topic, payload


def _change(rng: random.Random, document: dict[str, Any]) -> None:
    """Change a member of a document, or of an object in it."""
    inner = [each for each in document.values() if isinstance(each, dict)]
    where = rng.choice([document, *inner])
    if where and rng.random() < 0.9:
        key = rng.choice(list(where))
        if rng.random() < 0.2:
            del where[key]
        else:
            where[key] = deepcopy(rng.choice(STRANGE))
    else:
        where[rng.choice(["x", "", "__proto__", "script"])] = deepcopy(rng.choice(STRANGE))
