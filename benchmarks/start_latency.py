"""Measures the time from a press on start until another browser shows the build running.

Two pages in a real Chromium on a gateway that runs already; prints p50 and max in ms.
usage: python benchmarks/start_latency.py [URL] [COUNT]
"""

import shutil
import statistics
import sys

from playwright.sync_api import sync_playwright

POST = """async () => {
  const sent = performance.timeOrigin + performance.now();
  const script = {seconds: 0.5, steps: 5, errors: []};
  const answer = await fetch("/api/projects/latency/builds", {
    method: "POST", body: JSON.stringify({script}), headers: {"Content-Type": "application/json"},
  });
  return {sent, build: (await answer.json()).build};
}"""

# Runs in the other page: when did the DOM first say that a build runs?
OBSERVE = """() => {
  window.seen = {};
  new MutationObserver(() => {
    for (const card of document.querySelectorAll(".build[data-look=running]")) {
      window.seen[card.dataset.key] ??= performance.timeOrigin + performance.now();
    }
  }).observe(document.body, {subtree: true, attributes: true, childList: true});
}"""


def main(url: str = "http://127.0.0.1:8000", count: str = "20") -> None:
    """Measure `count` starts at `url`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--disable-dev-shm-usage"]
        )
        presser, watcher = browser.new_page(), browser.new_page()
        for page in (presser, watcher):
            page.goto(f"{url}/projects/latency")
            page.get_by_text("Live", exact=True).wait_for()
        watcher.evaluate(OBSERVE)
        taken = []
        for _ in range(int(count)):
            start = presser.evaluate(POST)
            key = f"latency/{start['build']}"
            shown = watcher.wait_for_function("key => window.seen[key]", arg=key).json_value()
            taken.append(shown - start["sent"])
            watcher.locator(f".build[data-key='{key}'][data-look=succeeded]").wait_for()
        browser.close()
    p50, worst = statistics.median(taken), max(taken)
    print(f"POST to running in the other browser: p50 {p50:.0f} ms, max {worst:.0f} ms, n={count}")


if __name__ == "__main__":
    main(*sys.argv[1:])
