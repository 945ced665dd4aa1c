"""Lighthouse, from npm: what it says of the page on a phone, as it emulates one."""

import json
import os
import shutil
import subprocess
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "peers/node_modules/.bin/lighthouse"
FLAGS = "--headless=new --no-sandbox --disable-dev-shm-usage"


def performance(url: str) -> float | None:
    """Return the score from 0 to 100, None where Lighthouse is not installed."""
    if not PROGRAM.exists():
        return None
    command = [str(PROGRAM), url, "--only-categories=performance", "--output=json", "--quiet"]
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or ""
    answer = subprocess.run(
        [*command, f"--chrome-flags={FLAGS}"],
        env=os.environ | {"CHROME_PATH": chromium},
        capture_output=True,
        check=True,
    )
    return 100 * float(json.loads(answer.stdout)["categories"]["performance"]["score"])
