"""A delayed start, from POST to its ending, on the real RabbitMQ."""

from datetime import datetime
from typing import Any

import pytest

from support.service import HTTP, Web, until

SCRIPT = {"seconds": 0.2, "steps": 2, "errors": []}


def build(gateway: Web, name: str) -> dict[str, Any]:
    return dict(HTTP.get(f"{gateway.url}/api/projects/later/builds/{name}", timeout=5).json())


@pytest.mark.parametrize("priority", ["high", "normal"])
def test_a_delayed_build_is_queued_until_its_time_has_come(gateway: Web, priority: str) -> None:
    started = gateway.press_start("later", script=SCRIPT, delay=2, priority=priority)
    assert started["status"] == "queued"
    assert started["notBefore"] > started["queued"]
    ended = until(lambda: (b := build(gateway, started["build"]))["ended"] and b, "it ends")
    assert (ended["status"], ended["priority"]) == ("succeeded", priority)
    assert ended["notBefore"] == started["notBefore"]
    begun, due = (datetime.fromisoformat(ended[key]) for key in ("started", "notBefore"))
    assert 0 <= (begun - due).total_seconds() < 2


def test_operators_see_how_many_are_delayed(gateway: Web) -> None:
    def delayed() -> int:
        return int(HTTP.get(f"{gateway.url}/api/overview", timeout=5).json()["delayed"])

    before = delayed()
    later = gateway.press_start("later", script=SCRIPT, delay=3600)
    assert delayed() == before + 1
    gateway.press_stop("later", later["build"])
    assert delayed() == before
    metrics = HTTP.get(f"{gateway.url}/metrics", timeout=5).text
    assert f"\nbuildfeed_builds_delayed {before:.1f}\n" in metrics
    assert 'buildfeed_queue_messages{queue="delayed"}' in metrics


def test_a_delayed_build_that_was_stopped_never_runs(gateway: Web) -> None:
    stopped = gateway.press_start("later", script=SCRIPT, delay=1)["build"]
    after = gateway.press_start("later", script=SCRIPT, delay=2)["build"]
    assert gateway.press_stop("later", stopped)["status"] == "stopped"
    until(lambda: build(gateway, after)["ended"], "the one behind it ends")
    url = f"{gateway.url}/api/projects/later/builds/{stopped}/activities?after=0"
    types = [item["type"] for item in HTTP.get(url, timeout=5).json()["orderedItems"]]
    assert types == ["Offer", "Undo"]
    assert build(gateway, stopped)["status"] == "stopped"
