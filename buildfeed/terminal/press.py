"""A start or a stop, asked for until there is an answer, and done once.

Each is repeated with the same `Idempotency-Key`, by which the gateway knows the repetition of a
start. A stop may be repeated anyway.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from buildfeed.doctor.web import Answer
from buildfeed.terminal.gateway import Away, Gateway, Refused
from buildfeed.terminal.picture import State

PATIENCE: Final = 8.0
"""Seconds for which a gateway is asked again that is away, or has no broker."""
_PAUSE: Final = 0.5


def start(gateway: Gateway, project: str, body: Mapping[str, Any]) -> State:
    """Start a build and return it.

    Raises Refused, and Away when no answer has come; its `sent` tells whether the build may have
    been started.
    """
    return _press(gateway, f"/api/projects/{project}/builds", body)


def stop(gateway: Gateway, project: str, build: str) -> State:
    """Ask for the stop of a build and return it; raises as `start`."""
    return _press(gateway, f"/api/projects/{project}/builds/{build}/stop", {})


def _press(gateway: Gateway, path: str, body: Mapping[str, Any]) -> State:
    headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_urlsafe(18)}
    text = msgspec.json.encode(body)
    deadline = time.monotonic() + PATIENCE
    sent = False
    while True:
        try:
            answer = gateway.ask(path, method="POST", headers=headers, body=text)
        except Away as exc:
            sent = sent or exc.sent
            pause = max(exc.seconds, _PAUSE)
            if time.monotonic() + pause > deadline:
                raise Away(exc.reason, sent=sent) from exc
            time.sleep(pause)
        else:
            return _state(gateway, answer)


def _state(gateway: Gateway, answer: Answer) -> State:
    try:
        return msgspec.json.decode(answer.body, type=State)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        reason = f"{gateway.url} does not answer as a gateway of Buildfeed does: check the address."
        raise Refused(reason) from exc
