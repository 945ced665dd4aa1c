"""What the main thread of a page did, from a trace of Chromium (Trace Event Format)."""

import json
from collections import Counter
from typing import Any

from playwright.sync_api import Browser, Page

CATEGORIES = ["devtools.timeline", "toplevel"]
_MAIN = "CrRendererMain"


def traced(browser: Browser, page: Page, seconds: float) -> tuple[bytes, dict[str, float]]:
    """Record a trace; return it, and the shares of the time that events took by themselves."""
    browser.start_tracing(page=page, categories=CATEGORIES)
    page.wait_for_timeout(seconds * 1000)
    trace = browser.stop_tracing()
    return trace, shares(json.loads(trace)["traceEvents"], seconds)


def shares(events: list[dict[str, Any]], seconds: float) -> dict[str, float]:
    """Return the shares of the busiest main thread, each without the events within it."""
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == _MAIN
    }
    found = [
        _alone(sorted(mine, key=lambda event: (event["ts"], -event["dur"])))
        for mine in (
            [e for e in events if (e["pid"], e["tid"]) == main and e["ph"] == "X"] for main in mains
        )
    ]
    busiest = max(found, key=lambda each: each.total(), default=Counter())
    return {name: took / 1e6 / seconds for name, took in busiest.most_common()}


def _alone(events: list[dict[str, Any]]) -> Counter[str]:
    """Return the µs of each name, without those of the events within."""
    found: Counter[str] = Counter()
    open_: list[dict[str, Any]] = []
    for event in events:
        while open_ and event["ts"] >= open_[-1]["ts"] + open_[-1]["dur"]:
            open_.pop()
        if open_:
            found[open_[-1]["name"]] -= event["dur"]
        found[event["name"]] += event["dur"]
        open_.append(event)
    return found
