"""A real Firefox, driven by WebDriver BiDi (w3.org/TR/webdriver-bidi)."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from support.service import until

PROGRAMS = "firefox-esr", "firefox"
LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
SECONDS = 30


class Firefox:
    """One window. `errors` are those that scripts of its pages did not catch."""

    def __init__(self, directory: Path) -> None:
        path = next(filter(None, map(shutil.which, PROGRAMS)), None)
        assert path, "Firefox is missing: run `sudo apt-get install firefox-esr`."
        self._directory = directory
        self._command = [path, "--headless", "--no-remote", "--remote-debugging-port", "0"]
        self._number = 0
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        profile, output = self._directory / "profile", self._directory / "firefox.log"
        profile.mkdir()
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                [*self._command, "--profile", str(profile)], stdout=file, stderr=file
            )
        said = until(lambda: LISTENS.search(output.read_text()), "Firefox listens", 60)
        self._link: ClientConnection = connect(f"{said[1]}/session", max_size=None, proxy=None)
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=["log.entryAdded"])
        self._context = self._ask("browsingContext.getTree")["contexts"][0]["context"]
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._ask("browser.close")
        except ConnectionClosed:
            pass  # it has gone without an answer
        finally:
            self._link.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def open(self, url: str) -> None:
        """Go to an address, and wait until it is loaded."""
        self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page, of JSON."""
        found = self._ask(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"].get("value", "null"))

    def until(self, expression: str, what: str) -> None:
        """Wait until an expression is true in the page."""
        until(lambda: self.evaluate(f"Boolean({expression})"), what, SECONDS)

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._link.send(json.dumps({"id": self._number, "method": method, "params": params}))
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            answer = json.loads(self._link.recv(SECONDS))
            if answer.get("method") == "log.entryAdded":
                self._note(answer["params"])
            elif answer.get("id") == self._number:
                assert answer["type"] == "success", answer
                return dict(answer["result"])
        raise AssertionError(f"no answer to {method}")

    def _note(self, entry: dict[str, Any]) -> None:
        if entry["type"] == "javascript" and entry["level"] == "error":
            self.errors.append(entry["text"])
