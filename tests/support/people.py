"""People who sign in: tokens in the history of a gateway, and pages of a browser."""

import re
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from buildfeed.grants import Grants
from buildfeed.history.database import Database
from buildfeed.history.tokens import Tokens
from support.service import HTTP, Web, until


class People:
    """The people of a `web` on SQLite, who have tokens there."""

    def __init__(self, web: Web) -> None:
        self.web = web
        directory = Path(str(web.options["data_dir"]))
        self._started: list[str] = []
        self.tokens = Tokens(Database(f"sqlite:///{directory / 'history.db'}"))

    def token(self, name: str, *grants: str, lifetime: timedelta | None = None) -> str:
        """Return a new token of somebody."""
        return self.tokens.add(name, Grants.parse(grants), lifetime)[1]

    def start(self, token: str, project: str, **body: Any) -> dict[str, Any]:
        """Start a build in the name of the owner of a token."""
        path = f"{self.web.url}/api/projects/{project}/builds"
        answer = HTTP.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        build = dict(answer.json())
        self._started.append(f"{path}/{build['build']}/stop")
        return build

    def stop_all(self) -> None:
        """Stop all builds that were started."""
        if self._started:
            token = self.token(f"stopper-{secrets.token_hex(4)}", "stop:*")
            for path in self._started:
                HTTP.post(path, headers={"Authorization": f"Bearer {token}"})

    def until_running(self, token: str, project: str, build: str) -> None:
        """Wait until a build runs, for a minute."""
        path = f"{self.web.url}/api/projects/{project}/builds/{build}"
        headers = {"Authorization": f"Bearer {token}"}

        def is_running() -> bool:
            return HTTP.get(path, headers=headers).json()["status"] == "running"

        until(is_running, "the build runs", 60)


def enter(page: Page, token: str) -> None:
    """Sign in by the form that the page shows."""
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def expect_live(page: Page) -> None:
    expect(page.locator("#connection-status")).to_contain_text("Live")


def expect_signed_in(page: Page, name: str) -> None:
    expect(page.locator("#account")).to_contain_text(re.compile(rf"Signed in as\s+{name}\b"))
