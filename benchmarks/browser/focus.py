"""Where the focus is after a press by keyboard: it should stay with what was pressed."""

import re
from collections.abc import Callable
from typing import NamedTuple

from browser.site import Site
from playwright.sync_api import Locator, Page, expect

SLOW = {"seconds": 60, "steps": 60, "errors": []}
ENDED = 260
"""Builds that have ended: more than a page of a snapshot has."""
ANSWER_MS = 1500

# The build of the element with the focus, or its part of the page; "" where it is lost.
WHERE = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return "";
  return element.closest("[data-key]")?.dataset.key ?? element.closest("[id]")?.id ?? "somewhere";
}"""
START = {"start-form", "start-open"}
"""The form, and the button that opens it again."""


class Press(NamedTuple):
    """A kind of button; `shows` is a status that a build has once the press was answered."""

    name: str
    button: Callable[[Page], Locator]
    shows: str | None = None


def measure(page: Page, site: Site) -> dict[str, bool]:
    """Press each kind of button; return whether the focus stayed."""
    site.web.press_start("acme", script=SLOW)
    page.goto(site.url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    expect(_builds(page, "Running").first).to_be_visible()
    kinds = [
        Press("stop", _named("^Stop "), "Stopped"),
        Press("start again", _named("^Start again"), "Running"),
        Press("start of a project", lambda page: page.locator(".project-row [data-part=start]")),
        Press("older builds", _named("^Show older")),
        Press("start", _start_button),
    ]
    return {press.name: _stays(page, press) for press in kinds}


def _stays(page: Page, press: Press) -> bool:
    button = press.button(page).first
    if not button.is_visible():
        print(f"    {press.name}: there is no such button", flush=True)
        return False
    button.focus()
    before = page.evaluate(WHERE)
    page.keyboard.press("Enter")
    if press.shows:
        expect(_builds(page, press.shows).first).to_be_visible()
    page.wait_for_timeout(ANSWER_MS)
    after = page.evaluate(WHERE)
    print(f"    {press.name}: {before or 'nowhere'} → {after or 'lost'}", flush=True)
    return bool(after) and (after == before or {before, after} <= START)


def _builds(page: Page, status: str) -> Locator:
    return page.locator("#build-list [data-key]").filter(has_text=re.compile(status))


def _named(name: str) -> Callable[[Page], Locator]:
    return lambda page: page.get_by_role("button", name=re.compile(name))


def _start_button(page: Page) -> Locator:
    opener = page.get_by_role("button", name="Start a build", exact=True)
    if opener.count():
        opener.press("Enter")
    project = page.locator("#start-form input[name=project]")
    if project.is_visible():
        project.fill("acme")
    return page.get_by_role("button", name="Start build", exact=True)
