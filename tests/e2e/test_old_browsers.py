"""The page without the functions that supported browsers may lack, in a real Chromium."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from support.browsers import NEWER_FUNCTIONS
from support.overview import open_form, press_start
from support.service import Web

NewPage = Callable[..., Page]

WITHOUT = """
    for (const path of %s) {
      const names = path.split(".");
      const last = names.pop();
      let holder = globalThis;
      for (const name of names) holder = holder?.[name];
      if (holder) delete holder[last];
    }
"""


def test_all_that_a_person_does_works_in_the_oldest_browser(up: Web, new_page: NewPage) -> None:
    page = new_page()
    page.add_init_script(WITHOUT % NEWER_FUNCTIONS)
    page.goto(f"{up.url}/projects/oldest")
    assert page.evaluate("AbortSignal.timeout === undefined && [].at === undefined")
    expect(page.locator("#connection-status")).to_contain_text("Live")
    open_form(page).get_by_text("Options").click()
    page.get_by_label("Seconds", exact=True).fill("30")
    press_start(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped").first).to_be_visible()
    build = up.build("oldest", "latest")["build"]
    page.goto(f"{up.url}/projects/oldest/builds/{build}")
    expect(page.locator("#build-history")).to_contain_text("asked to stop it")
    expect(page.locator("#build-history [role=alert]")).to_be_hidden()
    page.goto(up.url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    page.get_by_label("Search in the builds").fill("nothing-of-this-name")
    expect(page.get_by_text("No build here fits the filters.")).to_be_visible()
