"""Measures what the page costs a browser, and how soon it is there, in a real Chromium.

Builds are published to a real broker at a steady rate; gateway and recorder are processes of their
own. Each row prints its figures beside their bars, and how much of the machine other programs took
meanwhile: frames a second count only on a machine that is idle else.
usage: python benchmarks/page.py --help
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests")]

from browser.chromium import Chromium  # noqa: E402
from browser.others import Others  # noqa: E402
from browser.rows import ROWS, Bench  # noqa: E402

BUSY = 0.15
"""From this share of the machine on, other programs spoil a figure."""


def main() -> None:
    """Measure the rows that were asked for, and print each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"default: all of {', '.join(ROWS)}")
    parser.add_argument("--seconds", default=10.0, type=float, help="default: %(default)s")
    parser.add_argument("--minutes", default=10.0, type=float, help="of the heap; %(default)s")
    parser.add_argument("--traces", type=Path, help="folder for traces; says what costs most")
    parser.add_argument("--json", type=Path, help="file that gets a line for each row")
    parser.add_argument("--chromium", help="the program; default: the first one that is there")
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    with sync_playwright() as playwright:
        chromium = Chromium(playwright, asked.chromium)
        print(f"Chromium {chromium.version}, {platform.platform()}, {os.cpu_count()} processors")
        bench = Bench(chromium, asked.seconds, asked.minutes, asked.traces)
        for name in asked.rows or ROWS:
            print(f"{name}: {ROWS[name].what}", flush=True)
            with Others() as others:
                figures = ROWS[name].measure(bench)
            for figure in figures:
                print(f"  {figure}")
            warning = ": too much, take it again" if others.share > BUSY else ""
            taken = f"{100 * others.share:.0f} %"
            print(f"  other programs: {taken} of the machine{warning}", flush=True)
            if asked.json:
                told = {"row": name, "at": datetime.now(UTC).isoformat(), "others": others.share}
                told["figures"] = {each.name: each.value for each in figures}
                with asked.json.open("a") as file:
                    print(json.dumps(told), file=file)
        chromium.close()


if __name__ == "__main__":
    main()
