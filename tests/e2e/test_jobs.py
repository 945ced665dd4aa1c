"""From the form on the page to a real build that moves, by `up --projects`."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from support.overview import open_form
from support.service import HTTP, Web

FILE = """
[acme.jobs.default]
command = ["true"]
[acme.jobs.release]
command = ["sh", "release.sh"]
parameters = { stage = "^(test|live)$" }
"""
SCRIPT = """
echo "[1/4] cc -c main.c"
until test -e go-on; do sleep 0.02; done
echo "[3/4] ld $BUILDFEED_PARAMETER_STAGE"
until test -e end; do sleep 0.02; done
echo "[4/4] done"
"""


def test_a_job_that_is_started_on_the_page_moves_there(
    run: Callable[..., Web],
    new_page: Callable[..., Page],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text(FILE)
    (tmp_path / "release.sh").write_text(SCRIPT)
    up = run("up", projects=file, mqtt_port=free_port(), mqtt_ws_port=free_port())
    up.until_ready()
    page = new_page()
    page.goto(up.url)
    form = open_form(page)
    expect(form.get_by_text("These builds only pretend")).to_be_hidden()
    form.locator("input[name=project]").fill("acme")
    job = form.locator("select[name=job]")
    expect(job.locator("option")).to_have_text(["default", "release"])
    expect(form.get_by_label("stage")).to_be_hidden()
    job.select_option("release")
    form.get_by_label("stage").fill("test")
    form.get_by_text("Options").click()
    expect(form.locator("input[name=seconds]")).to_be_hidden()
    form.get_by_role("button", name="Start build").click()

    card = page.locator(".build")
    expect(card).to_contain_text("Running 25 %")
    (tmp_path / "go-on").touch()
    expect(card).to_contain_text("Running 75 %")
    (tmp_path / "end").touch()
    expect(card).to_contain_text("Succeeded")
    known = HTTP.get(f"{up.url}/api/projects/acme/builds/latest").json()
    assert (known["job"], known["parameters"], known["phase"], known["exitCode"]) == (
        *("release", {"stage": "test"}, "done", 0),
    )
    card.get_by_role("button", name="Start again").click()
    expect(page.locator(".build")).to_have_count(2)
    expect(page.locator(".build").first).to_contain_text("Succeeded")
    again = HTTP.get(f"{up.url}/api/projects/acme/builds/latest").json()
    assert (again["job"], again["parameters"]) == ("release", {"stage": "test"})


def test_where_builds_are_fake_the_form_says_so(up: Web, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(up.url)
    form = open_form(page)
    expect(form.get_by_text("These builds only pretend")).to_be_visible()
    expect(form.locator("select[name=job]")).to_be_hidden()
    form.get_by_text("Options").click()
    expect(form.locator("input[name=seconds]")).to_be_visible()
