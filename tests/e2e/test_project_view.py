"""The page of one project in a real Chromium: how its builds went, its jobs, what to copy."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from buildfeed.broker.local import ports
from support.axe import problems
from support.people import expect_live
from support.service import HTTP, Web

NewPage = Callable[..., Page]
QUICK = {"seconds": 0.2, "steps": 2, "errors": []}
RED = {"seconds": 0.2, "steps": 2, "errors": [50]}
CLIPBOARD = ["clipboard-read", "clipboard-write"]
FILE = """
[acme.jobs.default]
command = ["true"]
[acme.jobs.release]
command = ["sh", "-c", "echo to $BUILDFEED_PARAMETER_STAGE"]
parameters = { stage = "^(test|live)$", note = "^.*$" }
"""


def build(up: Web, project: str, **body: object) -> str:
    """Build something, and return its id when it has ended."""
    answer = HTTP.post(
        f"{up.url}/api/projects/{project}/builds",
        json=body,
        headers={"Prefer": "wait=30"},
        timeout=40,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["build"])


def visit(page: Page, url: str) -> Locator:
    page.goto(url)
    expect_live(page)
    return page.locator("#project-panel")


@pytest.fixture(scope="module")
def with_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    directory: Path = tmp_path_factory.mktemp("jobs")
    (directory / "jobs.toml").write_text(FILE)
    port = ports.free_block(3, 5)
    assert port
    options = {"mqtt_port": port + 1, "mqtt_ws_port": port + 2}
    with Web("up", directory, projects=directory / "jobs.toml", port=port, **options) as web:
        yield web.until_ready()


def test_the_last_builds_are_a_chart_and_a_table(up: Web, new_page: NewPage, name: str) -> None:
    first, red = build(up, name, script=QUICK), build(up, name, script=RED)
    page = new_page()
    panel = visit(page, f"{up.url}/projects/{name}")
    bars = panel.locator(".bars a")
    expect(bars).to_have_count(2)
    expect(bars.nth(0)).to_have_attribute("data-look", "succeeded")
    expect(bars.nth(1)).to_have_attribute("data-look", "failed")
    expect(panel.locator("figcaption")).to_contain_text("1 of 2 succeeded (50 %).")
    expect(panel.locator("summary").first).to_contain_text("50 %")

    build(up, name, script=QUICK)
    expect(bars).to_have_count(3)  # without a reload

    panel.get_by_text("As a table").click()
    rows = panel.locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("Failed")
    expect(rows.nth(1).get_by_role("link")).to_have_attribute("href", re.compile(f"{red}$"))
    rows.nth(2).get_by_role("link").click()
    expect(page).to_have_url(f"{up.url}/projects/{name}/builds/{first}")


def test_on_a_phone_the_builds_come_before_the_chart(up: Web, new_page: NewPage, name: str) -> None:
    build(up, name, script=QUICK)
    page = new_page(viewport={"width": 360, "height": 740})
    panel = visit(page, f"{up.url}/projects/{name}")
    expect(panel.locator("summary").first).to_contain_text("100 %")
    expect(panel.locator(".bars")).to_be_hidden()
    panel.locator("summary").first.click()
    expect(panel.locator(".bars")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_project_of_which_nothing_is_known_has_no_panel(
    up: Web, new_page: NewPage, name: str
) -> None:
    expect(visit(new_page(), f"{up.url}/projects/{name}")).to_be_hidden()


def test_a_job_is_started_by_a_form_of_its_parameters(with_jobs: Web, new_page: NewPage) -> None:
    page = new_page(reduced_motion="reduce")
    panel = visit(page, f"{with_jobs.url}/projects/acme")
    rows = panel.locator(".job-row")
    expect(rows.locator(".name")).to_have_text(["default", "release"])
    release = rows.filter(has_text="release")
    button = release.get_by_role("button", name="Start release")
    button.press("Enter")
    expect(release.get_by_label("stage")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(release.get_by_label("stage")).to_be_hidden()

    button.press("Enter")
    release.get_by_label("stage").fill("test")
    page.keyboard.press("Enter")
    expect(release.get_by_role("link")).to_contain_text("acme")
    expect(release).to_contain_text("usually")
    latest = HTTP.get(f"{with_jobs.url}/api/projects/acme/builds/latest").json()
    assert (latest["job"], latest["parameters"]) == ("release", {"stage": "test"})

    release.get_by_label("stage").fill("nowhere")  # the worker refuses that, and the build says so
    release.get_by_role("button", name="Start build").click()
    expect(release.locator(".lately i")).to_have_count(2)
    expect(release.locator(".lately i").last).to_have_attribute("data-look", "failed")

    default = rows.filter(has_text="default")
    default.get_by_role("button", name="Start default").click()
    expect(default.get_by_text("takes no parameters")).to_be_visible()
    default.get_by_role("button", name="Start build").click()
    expect(default.locator(".lately i")).to_have_count(1)
    show = panel.get_by_role("combobox", name="Last builds of")
    show.focus()
    show.select_option("release")
    expect(panel.locator("figcaption")).to_contain_text("1 of 2")
    expect(show).to_be_focused()
    assert problems(page) == []


def test_lines_for_other_pages_are_copied(up: Web, new_page: NewPage, name: str) -> None:
    build(up, name, script=QUICK)
    page = new_page(permissions=CLIPBOARD, reduced_motion="reduce")
    panel = visit(page, f"{up.url}/projects/{name}")
    panel.get_by_text("Badge and live bar").click()
    panel.get_by_role("button", name="Copy the badge").press("Enter")
    expect(panel.get_by_text("The badge is copied.")).to_be_visible()
    line = page.evaluate("navigator.clipboard.readText()")
    assert line == f"[![{name}]({up.url}/badge/{name}.svg)]({up.url}/projects/{name})"
    assert HTTP.get(line.partition("](")[2].partition(")")[0]).status_code == 200
    panel.get_by_role("button", name="Copy the bar").click()
    expect(panel.get_by_text("The bar is copied.")).to_be_visible()
    assert f"{up.url}/embed/{name}" in page.evaluate("navigator.clipboard.readText()")
    expect(panel.get_by_role("img", name="The badge")).to_have_js_property("complete", value=True)
    panel.get_by_text("As a table").click()
    assert problems(page) == []
