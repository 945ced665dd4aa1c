"""The rows of the table: each measures one promise of the page, and returns its figures."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from browser import focus, lighthouse, network, output
from browser.chromium import DESKTOP, PHONE, Chromium, Watched
from browser.figures import Figure, largest
from browser.load import Load
from browser.site import Site, by_up, for_load
from browser.trace import traced

PHONE_SLOWER = 6
TABS = 10
VISITS = 5
EVERY_BUILD = "[data-key]"

# Runs before the scripts of the page: when did it first say that it is live, with builds?
LIVE_AT = """() => {
  const look = () => {
    const status = document.querySelector("#connection-status");
    if (!status?.textContent.includes("Live") || !document.querySelector("[data-key]")) return;
    window.liveAt = performance.now();
    watcher.disconnect();
  };
  const watcher = new MutationObserver(look);
  const options = {subtree: true, childList: true, attributes: true, characterData: true};
  watcher.observe(document, options);
}"""


class Bench(NamedTuple):
    """What the rows share. With `traces`, a folder, what costs most is found out too."""

    chromium: Chromium
    seconds: float
    minutes: float
    traces: Path | None

    def cpu_share(self, watched: Watched) -> dict[str, float]:
        """Return what the browser takes of a processor, in percent: by kind of process, and all."""
        before = self.chromium.cpu_seconds()
        watched.page.wait_for_timeout(self.seconds * 1000)
        after = self.chromium.cpu_seconds()
        shares = {name: 100 * (after[name] - before[name]) / self.seconds for name in after}
        return shares | {"all": sum(shares.values())}

    def explain(self, watched: Watched, name: str) -> None:
        """Print what costs most on the main thread, and keep a trace, where that was asked for."""
        if not self.traces:
            return
        self.traces.mkdir(parents=True, exist_ok=True)
        trace, found = traced(self.chromium.browser, watched.page, 5)
        (self.traces / f"{name}.json").write_bytes(trace)
        print(f"  main thread, by event ({self.traces / name}.json):\n{largest(found)}")
        print(f"  by function:\n{largest(watched.functions(5))}", flush=True)


@contextmanager
def loaded(*, running: int, rate: float, ended: int = 0) -> Iterator[Site]:
    """Serve builds that run, and some that have ended."""
    load = {"running": running, "rate": rate, "ended": ended}
    with for_load() as site, Load(site.mqtt_url, **load):
        site.until_recorded(ended)
        yield site


def phone_frames(running: int, bar: float) -> Callable[[Bench], list[Figure]]:
    """Return the row of running builds on a slow phone."""

    def row(bench: Bench) -> list[Figure]:
        with loaded(running=running, rate=1) as site:
            watched = bench.chromium.page(PHONE, slower=PHONE_SLOWER)
            watched.open(site.url)
            frames = watched.frames(bench.seconds)
            main = watched.main_thread(bench.seconds)
            bench.explain(watched, f"phone-{running}")
            watched.page.context.close()
        return [
            Figure("frames a second", frames.mean, bar=bar),
            Figure("5th percentile", frames.p5),
            Figure("longest gap", frames.longest, "ms"),
            Figure("main thread", 100 * main.tasks, "%"),
            Figure("main thread, CPU time", 100 * main.cpu, "%"),
        ]

    return row


def many_on_desktop(bench: Bench) -> list[Figure]:
    """1000 running builds at three states a second."""
    with loaded(running=1000, rate=3) as site:
        watched = bench.chromium.page(DESKTOP)
        watched.open(site.url)
        frames = watched.frames(bench.seconds)
        main = watched.main_thread(bench.seconds)
        bench.explain(watched, "desktop-1000")
        watched.page.context.close()
    return [
        Figure("5th percentile of frames a second", frames.p5, bar=55),
        Figure("frames a second", frames.mean),
        Figure("main thread", 100 * main.tasks, "%", bar=40, less=True),
        Figure("main thread, CPU time", 100 * main.cpu, "%"),
    ]


def many_ended(bench: Bench) -> list[Figure]:
    """1000 ended builds loaded, while 100 run."""
    with loaded(running=100, rate=1, ended=1000) as site:
        watched = bench.chromium.page(DESKTOP)
        watched.open(site.url)
        shown = show_all(watched)
        main = watched.main_thread(bench.seconds)
        bench.explain(watched, "ended-1000")
        frames = watched.frames(bench.seconds)
        nodes = watched.heap()
        watched.page.context.close()
    return [
        Figure("main thread", 100 * main.tasks, "%", bar=35, less=True),
        Figure("main thread, CPU time", 100 * main.cpu, "%"),
        Figure("frames a second", frames.mean),
        Figure("presses to load them", shown),
        Figure("nodes of the document", nodes.nodes),
        Figure("heap", nodes.megabytes, "MB"),
    ]


PRESS_OLDER = """() => {
    const button = document.querySelector("[data-part=older]:not([hidden])");
    const pressed = button !== null && button.getAttribute("aria-disabled") !== "true";
    if (pressed) button.click();
    return pressed;
}"""
"""In the page, as the button may go in the meantime."""


def show_all(watched: Watched) -> int:
    """Load all older builds: scroll to the end, press the button while there is one."""
    page, presses = watched.page, 0
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 2:
        page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        if page.evaluate(PRESS_OLDER):
            presses += 1
            quiet_since = time.monotonic()
        page.wait_for_timeout(100)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(1000)
    return presses


def ten_tabs(bench: Bench) -> list[Figure]:
    """Ten visible tabs of one browser, 100 running builds."""
    with loaded(running=100, rate=1) as site:
        context = bench.chromium.context(DESKTOP)
        tabs = [Watched(context.new_page()) for _ in range(TABS)]
        for tab in tabs:
            tab.open(site.url, settle=200)
        tabs[0].page.wait_for_timeout(3000)
        for tab in tabs:
            tab.begin_frames()
        tabs[0].page.wait_for_timeout(bench.seconds * 1000)
        found = [tab.end_frames().mean for tab in tabs]
        connections = site.watchers()
        used = bench.cpu_share(tabs[0])
        bench.explain(tabs[0], "ten-tabs")
        context.close()
    return [
        Figure("frames a second, the slowest tab", min(found), bar=50),
        Figure("frames a second, the quickest tab", max(found)),
        Figure("connections", connections, bar=1, less=True),
        Figure("CPU of the browser, uncounted frames", used["all"], "% of a processor"),
    ]


def idle(bench: Bench) -> list[Figure]:
    """One running build, and nobody touches the page."""
    with loaded(running=1, rate=1) as site:
        watched = bench.chromium.page(DESKTOP)
        watched.open(site.url)
        used = bench.cpu_share(watched)
        bench.explain(watched, "idle")
        watched.page.context.close()
    figures = [Figure("CPU of the browser", used.pop("all"), "% of a processor", bar=2, less=True)]
    return figures + [Figure(f"  its process “{name}”", share, "%") for name, share in used.items()]


def visits(bench: Bench) -> list[Figure]:
    """First and second visit over a slow network, as DevTools emulate it, and by a proxy."""
    figures = []
    with (
        loaded(running=5, rate=1, ended=20) as site,
        network.slow_proxy(int(str(site.web.options["port"]))) as port,
    ):
        slow = f"http://127.0.0.1:{port}"
        for way, url in (("DevTools", site.url), ("proxy", slow)):
            first, again = [], []
            for _ in range(VISITS):
                context = bench.chromium.context(PHONE)
                context.add_init_script(f"({LIVE_AT})()")
                for found in (first, again):
                    watched = Watched(context.new_page())
                    if way == "DevTools":
                        network.emulate(watched)
                    watched.page.goto(url, wait_until="commit")
                    watched.page.wait_for_function("() => window.liveAt", timeout=60_000)
                    found.append(watched.page.evaluate("window.liveAt") / 1000)
                    watched.page.wait_for_timeout(500)
                    watched.page.close()
                context.close()
            bars = (1.0, 0.5) if way == "DevTools" else (None, None)
            for name, times, bar in (("first", first, bars[0]), ("again", again, bars[1])):
                median = statistics.median(times)
                figures.append(Figure(f"{name} visit by {way}", median, "s", bar, less=True))
    return figures


def first_build(bench: Bench) -> list[Figure]:
    """Where the first build begins on a phone, with 5 that run."""
    with loaded(running=5, rate=1, ended=20) as site:
        watched = bench.chromium.page(PHONE)
        watched.open(site.url)
        top = watched.page.locator(f"#build-list {EVERY_BUILD}").first.bounding_box()
        watched.page.context.close()
    return [Figure("top of the first build", top["y"] if top else 1e9, "px", bar=200, less=True)]


def heap(bench: Bench) -> list[Figure]:
    """Watch the heap while builds come and go, for minutes: 100 run, one ends in each second."""
    found = []
    with loaded(running=100, rate=1, ended=100) as site:
        watched = bench.chromium.page(DESKTOP)
        watched.open(site.url)
        ends = time.monotonic() + bench.minutes * 60
        found.append(watched.heap())
        while time.monotonic() < ends:
            watched.page.wait_for_timeout(min(30, bench.minutes * 60 / 2) * 1000)
            found.append(watched.heap())
            print(f"    {found[-1].megabytes:.1f} MB, {found[-1].nodes} nodes", flush=True)
        watched.page.context.close()
    half = found[len(found) // 2]
    return [
        Figure("at first", found[0].megabytes, "MB"),
        Figure("after half of the time", half.megabytes, "MB"),
        Figure(f"after {bench.minutes:g} minutes", found[-1].megabytes, "MB"),
        Figure("nodes at first", found[0].nodes),
        Figure("nodes in the end", found[-1].nodes),
    ]


def focus_kept(bench: Bench) -> list[Figure]:
    """Whether the focus stays after presses by keyboard."""
    with by_up() as site, Load(site.mqtt_url, running=0, rate=0, ended=focus.ENDED):
        site.until_recorded(focus.ENDED)
        watched = bench.chromium.page(DESKTOP)
        kept = focus.measure(watched.page, site)
        watched.page.context.close()
    return [Figure(f"kinds of button of {len(kept)}", sum(kept.values()), bar=len(kept))]


def long_output(bench: Bench) -> list[Figure]:
    """Read the output of a build with 100 000 lines."""
    return output.measure(bench.chromium)


def lighthouse_score(_: Bench) -> list[Figure]:
    """Ask Lighthouse about 200 builds on a phone."""
    with loaded(running=20, rate=1, ended=180) as site:
        score = lighthouse.performance(site.url)
    if score is None:
        print("    Lighthouse is not there: npm ci in benchmarks/peers")
        return []
    return [Figure("performance", score, bar=95)]


class Row(NamedTuple):
    """A row of the table."""

    what: str
    measure: Callable[[Bench], list[Figure]]


ROWS = {
    "phone-20": Row("20 running at 1 state/s, CPU 6 times slower, 360 px", phone_frames(20, 55)),
    "phone-100": Row("100 running, the same", phone_frames(100, 50)),
    "phone-500": Row("500 running, the same", phone_frames(500, 30)),
    "desktop-1000": Row("1000 running at 3 states/s, desktop", many_on_desktop),
    "ended-1000": Row("1000 ended builds loaded, 100 running", many_ended),
    "tabs": Row("ten visible tabs, 100 running", ten_tabs),
    "idle": Row("one running build, idle page", idle),
    "visits": Row("live at 150 ms, 1.6 Mbit/s", visits),
    "first-build": Row("first build on a 360 × 740 phone, 5 running", first_build),
    "lighthouse": Row("Lighthouse, mobile, 200 builds", lighthouse_score),
    "focus": Row("focus kept after a press by keyboard", focus_kept),
    "output": Row("output of 100 000 lines", long_output),
    "heap": Row("heap while builds come and go", heap),
}
