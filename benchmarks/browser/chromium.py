"""A real Chromium, and what it says of itself: frames, the main thread, memory."""

import os
import shutil
import statistics
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Playwright, expect

PROGRAMS = "chromium-headless-shell", "chromium", "google-chrome"
DESKTOP = 1440, 900
PHONE = 360, 740
SETTLE_MS = 3000
WINDOW_MS = 1000
"""Length of the windows whose frames are counted."""

COUNT = """() => {
  const times = (window.countedFrames = []);
  const count = () => {
    times.push(performance.now());
    if (window.countedFrames === times) requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
}"""
COUNTED = """() => {
  const times = window.countedFrames;
  window.countedFrames = null;
  return times;
}"""


class Frames(NamedTuple):
    """Frames a second: the mean, the 5th percentile of windows of a second; the longest gap, ms."""

    mean: float
    p5: float
    longest: float


class MainThread(NamedTuple):
    """Shares of a second in which the main thread had a task; `cpu` counts its CPU time alone.

    Where other programs want the processors too, `cpu` says more than `tasks`.
    """

    tasks: float
    cpu: float
    script: float
    style: float
    layout: float


class Heap(NamedTuple):
    """What lives after a collection of garbage: MB, and nodes of documents."""

    megabytes: float
    nodes: int


class Watched:
    """A page that is measured, `slower` times slower than this machine."""

    def __init__(self, page: Page, slower: float = 1) -> None:
        self.page = page
        self.devtools: CDPSession = page.context.new_cdp_session(page)
        self.devtools.send("Performance.enable")
        if slower > 1:
            self.devtools.send("Emulation.setCPUThrottlingRate", {"rate": slower})

    def open(self, url: str, settle: float = SETTLE_MS) -> None:
        """Go to an address, and wait until it is live and has come to rest."""
        self.page.goto(url)
        expect(self.page.locator("#connection-status")).to_contain_text("Live", timeout=60_000)
        self.page.wait_for_timeout(settle)

    def begin_frames(self) -> None:
        """Begin to count frames."""
        self.page.evaluate(COUNT)

    def end_frames(self) -> Frames:
        """Return the frames since `begin_frames`."""
        return frames_of(self.page.evaluate(COUNTED))

    def frames(self, seconds: float) -> Frames:
        """Count frames for so long."""
        self.begin_frames()
        self.page.wait_for_timeout(seconds * 1000)
        return self.end_frames()

    def main_thread(self, seconds: float) -> MainThread:
        """Watch the main thread for so long; nothing of ours runs in the page meanwhile."""
        began, before = time.monotonic(), self._metrics()
        self.page.wait_for_timeout(seconds * 1000)
        after = self._metrics()
        took = time.monotonic() - began
        names = "TaskDuration", "ThreadTime", "ScriptDuration", "RecalcStyleDuration"
        return MainThread(
            *((after[name] - before[name]) / took for name in (*names, "LayoutDuration"))
        )

    def heap(self) -> Heap:
        """Collect garbage, and return what is left."""
        self.devtools.send("HeapProfiler.collectGarbage")
        used = self.devtools.send("Runtime.getHeapUsage")["usedSize"]
        return Heap(used / 1e6, int(self._metrics()["Nodes"]))

    def functions(self, seconds: float) -> dict[str, float]:
        """Return the share of the time that functions take by themselves, by name and place."""
        self.devtools.send("Profiler.enable")
        self.devtools.send("Profiler.start")
        self.page.wait_for_timeout(seconds * 1000)
        profile = self.devtools.send("Profiler.stop")["profile"]
        names = {node["id"]: _place(node["callFrame"]) for node in profile["nodes"]}
        found: dict[str, float] = {}
        for sample, microseconds in zip(profile["samples"], profile["timeDeltas"], strict=True):
            name = names[sample]
            found[name] = found.get(name, 0) + microseconds / 1e6 / seconds
        return found

    def _metrics(self) -> dict[str, float]:
        found = self.devtools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in found}


class Chromium:
    """The browser of a measurement."""

    def __init__(self, playwright: Playwright, program: str | None = None) -> None:
        path = program or next(filter(None, map(shutil.which, PROGRAMS)), None)
        if path is None:
            raise SystemExit("Chromium is missing: sudo apt-get install chromium-headless-shell")
        self.browser: Browser = playwright.chromium.launch(
            executable_path=path, args=["--disable-dev-shm-usage", "--disable-quic"]
        )
        self._devtools = self.browser.new_browser_cdp_session()

    @property
    def version(self) -> str:
        """Its version."""
        return self.browser.version

    def context(self, size: tuple[int, int] = DESKTOP, **options: Any) -> BrowserContext:  # noqa: ANN401
        """Return a browser profile of its own, with an empty cache."""
        width, height = size
        return self.browser.new_context(viewport={"width": width, "height": height}, **options)

    def page(self, size: tuple[int, int] = DESKTOP, slower: float = 1) -> Watched:
        """Return a page in a profile of its own."""
        return Watched(self.context(size).new_page(), slower)

    def cpu_seconds(self) -> Counter[str]:
        """Return the CPU time of the processes of the browser, by what they do."""
        processes = self._devtools.send("SystemInfo.getProcessInfo")["processInfo"]
        found: Counter[str] = Counter()
        for each in processes:
            found[each["type"]] += cpu_seconds(each["id"])
        return found

    def close(self) -> None:
        """End it."""
        self.browser.close()


def frames_of(times: list[float]) -> Frames:
    """Return the figures of frames at these times, in ms."""
    if len(times) < 2:
        return Frames(0, 0, 0)
    first, last = times[0], times[-1]
    windows = []
    begin = first
    while begin + WINDOW_MS <= last:
        windows.append(sum(begin <= time_ < begin + WINDOW_MS for time_ in times))
        begin += WINDOW_MS / 10
    gaps = [after - before for before, after in pairwise(times)]
    mean = 1000 * len(gaps) / (last - first)
    p5 = statistics.quantiles(windows, n=20)[0] if len(windows) > 1 else mean
    return Frames(mean, p5, max(gaps))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process with all its threads (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _place(frame: dict[str, Any]) -> str:
    file = frame["url"].rpartition("/")[2]
    name = frame["functionName"] or "(anonymous)"
    return f"{name} {file}:{frame['lineNumber'] + 1}" if file else name
