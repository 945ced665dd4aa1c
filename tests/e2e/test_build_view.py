"""The page of one build in a real Chromium."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET, structs
from playwright.sync_api import Page, expect

from buildfeed.activity import Activity, Source, urn
from support.axe import problems
from support.own_builds import Own, publishing_url
from support.service import HTTP, Web, until
from support.workshop import by_another, start

NewPage = Callable[..., Page]

WIDTHS = 320, 390, 900, 1280
SLOW = {"seconds": 60, "steps": 300, "errors": []}
RED = "\x1b[31m"
PLAIN = "\x1b[0m"


@pytest.fixture
def somebody(up: Web) -> Iterator[Own]:
    with Own(publishing_url(up)) as own:
        yield own


class Build:
    """A build that somebody publishes, with its own count of activities and of printed bytes."""

    def __init__(self, somebody: Own, project: str, build: str = "own", **facts: Any) -> None:
        offer = start()
        own = {"id": urn(project, build), "project": project, "build": build, "script": UNSET}
        self._offer = structs.replace(offer, object=structs.replace(offer.object, **own, **facts))
        self._somebody = somebody
        self._facts: dict[str, Any] = {}
        self._seq = self._printed = 0
        self.path = f"/projects/{project}/builds/{build}"

    def begin(self, attempt: int = 1) -> None:
        self._facts["attempt"] = attempt
        self._seq, self._printed = -1, 0
        self.send("Accept", start_time=datetime.now(UTC))

    def send(self, type_: Any, /, content: Any = UNSET, **facts: Any) -> Activity:
        more = {name: facts.pop(name) for name in ("offset", "source") if name in facts}
        self._facts |= facts
        self._seq += 1
        activity = by_another(self._offer, type_, **{**self._facts, "seq": self._seq})
        activity = structs.replace(activity, content=content, **more)
        self._somebody.send(activity)
        return activity

    def print(self, text: str) -> None:
        self.send("Add", text, offset=self._printed)
        self._printed += len(text.encode())

    def fail(self, text: str, **more: Any) -> None:
        first = text.partition("\n")[0]
        self.send("Flag", text, error=first, errors=self._facts.get("errors", 0) + 1, **more)

    def end(self, status: str, **facts: Any) -> None:
        self.send("Update", status=status, end_time=datetime.now(UTC), **facts)


@pytest.fixture
def build(somebody: Own, name: str) -> Build:
    return Build(somebody, name)


def recorded(up: Web, build: Build, count: int) -> None:
    url = f"{up.url}/api{build.path}/activities"
    until(lambda: HTTP.get(url).json().get("totalItems") == count, "all are recorded")


def open_live(page: Page, url: str) -> Page:
    page.goto(url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    return page


def test_the_state_is_live_with_phase_and_steps(up: Web, new_page: NewPage, build: Build) -> None:
    build.begin()
    page = open_live(new_page(), up.url + build.path)
    state = page.locator("#build-state")
    build.send("Update", progress=40, phase="Compiling", done=4, total=10)
    expect(state).to_contain_text("Running 40 %")
    expect(state).to_contain_text("Step 4 of 10 Compiling")
    expect(state.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    build.fail("src/a.c:3: no such type")
    expect(state.get_by_role("progressbar")).to_have_attribute("data-bar", "bad")
    build.send("Update", status="failed", exit_code=2)
    expect(state).to_contain_text("Failed at 40 %")
    expect(page.locator("#facts")).to_contain_text(re.compile("Exit code\\s*2"))
    expect(page.locator("#build-history")).to_contain_text("with 1 error, exit code 2")


def test_errors_stand_in_their_order_with_their_places_and_links(
    up: Web, new_page: NewPage, build: Build
) -> None:
    build.begin()
    page = open_live(new_page(), up.url + build.path)
    source = Source(file="src/a.c", line=3, column=5)
    build.fail(f"{RED}error:{PLAIN} no such type\n   int x;\n", source=source)
    errors = page.locator(".error-row")
    expect(errors).to_have_count(1)
    expect(errors.first).to_contain_text("src/a.c:3:5")
    for _ in range(3):
        build.fail("the same")
    expect(errors).to_have_count(2)
    expect(errors.nth(1)).to_contain_text("3 times")
    expect(page.locator("#errors h2")).to_have_text("4 errors, 2 different")
    expect(errors.first.locator("pre")).to_have_js_property(
        "textContent", "error: no such type\n   int x;"
    )
    expect(errors.first.locator("pre .fg-1")).to_have_text("error:")
    link = errors.first.get_by_role("link", name="#1")
    expect(link).to_have_attribute("href", "#error-1")
    page.goto(f"{up.url}{build.path}#error-3")  # one of those that are folded
    expect(errors.nth(1)).to_have_attribute("data-chosen", "")
    expect(errors.nth(1).get_by_role("link")).to_be_focused()


def test_errors_of_an_attempt_that_was_lost_are_folded(
    up: Web, new_page: NewPage, build: Build
) -> None:
    build.begin()
    build.fail("of the first attempt")
    build.begin(attempt=2)
    build.send("Update", errors=0)
    build.fail("of the second")
    page = open_live(new_page(), up.url + build.path)
    shown = page.locator(".error-row:visible")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("of the second")
    page.get_by_text("Attempt 1: 1 error").click()
    expect(shown).to_have_count(2)
    history = page.locator("#build-history")
    expect(history).to_contain_text("was lost")
    expect(history).to_contain_text("began attempt 2")


def test_the_output_comes_as_it_is_printed_in_its_colours(
    up: Web, new_page: NewPage, build: Build
) -> None:
    build.begin()
    build.print("one\n")
    page = open_live(new_page(), up.url + build.path)
    lines = page.locator(".output .line .text")
    expect(lines).to_have_text(["one"])
    build.print(f"{RED}two{PLAIN}\n10 %\r")
    expect(lines.locator(".fg-1")).to_have_text("two")
    expect(lines).to_have_text(["one", "two", "10 %"])
    build.print("20 %\r100 %\n")
    expect(lines).to_have_text(["one", "two", "100 %"])
    expect(page.locator(".output .number")).to_have_text(["1", "2", "3"])
    build.end("succeeded")
    expect(page.locator("#build-state")).to_contain_text("Succeeded")
    expect(lines).to_have_text(["one", "two", "100 %"])


def test_output_without_offsets_comes_too(up: Web, new_page: NewPage, build: Build) -> None:
    build.begin()
    page = open_live(new_page(), up.url + build.path)
    for number in range(3):
        build.send("Add", f"line {number}\n")
        expect(page.locator(".output .line")).to_have_count(number + 1)


def test_it_follows_the_end_until_somebody_scrolls_up(
    up: Web, new_page: NewPage, build: Build
) -> None:
    build.begin()
    build.print("".join(f"line {number}\n" for number in range(500)))
    page = open_live(new_page(), up.url + build.path)
    last = page.locator(".output .line").last
    scroll = page.locator(".output .scroll")
    expect(last).to_contain_text("line 499")
    build.print("line 500\n")
    expect(last).to_contain_text("line 500")
    assert scroll.evaluate("(it) => it.scrollHeight - it.scrollTop - it.clientHeight") < 2
    follow = page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    scroll.hover()
    page.mouse.wheel(0, -2000)
    expect(follow).to_have_attribute("aria-pressed", "false")
    place = scroll.evaluate("(it) => it.scrollTop")
    build.print("line 501\n")
    expect(page.locator(".output .summary")).to_contain_text("502 lines")
    assert scroll.evaluate("(it) => it.scrollTop") == place
    follow.click()
    expect(last).to_contain_text("line 501")
    expect(follow).to_be_focused()


def test_a_hundred_thousand_lines_are_read_searched_and_linked(
    up: Web, new_page: NewPage, build: Build
) -> None:
    build.begin()
    step = 200
    for first in range(1, 100_000, step):
        lines = (
            f"line {n}: {'needle' if n % 20_000 == 7 else 'hay ' * 10}\n"
            for n in range(first, first + step)
        )
        build.print("".join(lines))
    build.end("succeeded")
    recorded(up, build, 502)
    page = open_live(new_page(), f"{up.url}{build.path}#line-50000")
    chosen = page.locator(".output [data-chosen]")
    expect(chosen).to_contain_text("line 50000:")
    expect(chosen).to_be_in_viewport()
    expect(page.locator(".output .summary")).to_contain_text("100,000 lines")
    assert page.locator(".output .line").count() < 200
    search = page.get_by_role("searchbox", name="Search in the output")
    search.fill("NEEDLE")
    expect(page.locator(".output .found")).to_have_text("4 of 5 lines")  # the first from there on
    expect(chosen).to_contain_text("line 60007:")
    expect(chosen.locator("mark")).to_have_text("needle")
    search.press("Enter")
    expect(chosen).to_contain_text("line 80007:")
    search.press("Enter")
    expect(chosen).to_contain_text("line 7:")
    search.press("Shift+Enter")
    expect(chosen).to_contain_text("line 80007:")
    page.get_by_role("button", name="Next line").click()
    expect(chosen).to_contain_text("line 7:")
    page.get_by_role("button", name="End").click()
    expect(page.locator(".output .line").last).to_contain_text("line 100000:")
    page.get_by_role("button", name="Top").click()
    expect(page.locator(".output .line").first).to_contain_text("line 1:")
    search.fill("")
    page.locator(".output .number").first.click()
    expect(page).to_have_url(re.compile("#line-1$"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    text = download.value.path().read_text()
    assert text.count("\n") == 100_000


def test_an_error_is_found_in_the_output(up: Web, new_page: NewPage, build: Build) -> None:
    build.begin()
    build.print("".join(f"line {number}\n" for number in range(300)))
    build.print("a.c:3: error: no such type\n")
    build.print("".join(f"line {number}\n" for number in range(300)))
    build.fail("a.c:3: error: no such type")
    build.end("failed")
    page = open_live(new_page(), up.url + build.path)
    page.get_by_role("button", name="In the output").click()
    expect(page.locator(".output [data-chosen]")).to_contain_text("301a.c:3: error")
    expect(page.locator(".output .found")).to_have_text("1 of 1 line")


def test_the_output_of_each_attempt_is_shown(up: Web, new_page: NewPage, build: Build) -> None:
    build.begin()
    build.print("first\n")
    build.begin(attempt=2)
    build.print("second\n")
    page = open_live(new_page(), up.url + build.path)
    lines = page.locator(".output .line .text")
    expect(lines).to_have_text(["second"])
    page.get_by_role("combobox", name="Attempt").select_option("1")
    expect(lines).to_have_text(["first"])
    expect(page).to_have_url(re.compile(r"\?attempt=1$"))
    page.reload()
    expect(lines).to_have_text(["first"])


def test_what_it_missed_while_it_was_away_is_there_when_it_is_back(
    up: Web, new_page: NewPage, build: Build
) -> None:
    build.begin()
    build.print("one\n")
    page = open_live(new_page(), up.url + build.path)
    lines = page.locator(".output .line .text")
    expect(lines).to_have_text(["one"])
    page.context.set_offline(True)
    expect(page.locator("#connection-status")).not_to_contain_text("Live", timeout=30_000)
    build.print("two\n")
    build.fail("it failed")
    page.context.set_offline(False)
    expect(page.locator("#connection-status")).to_contain_text("Live", timeout=30_000)
    expect(lines).to_have_text(["one", "two"])
    expect(page.locator(".error-row")).to_have_count(1)
    build.print("three\n")
    expect(lines).to_have_text(["one", "two", "three"])


def test_a_finished_build_is_played_again(up: Web, new_page: NewPage, build: Build) -> None:
    build.begin()
    for number in range(1, 5):
        build.print(f"line {number}\n")
        build.send("Update", progress=20 * number)
    build.fail("it failed")
    build.end("failed")
    recorded(up, build, 11)
    page = open_live(new_page(), up.url + build.path)
    state = page.locator("#build-state")
    expect(state).to_contain_text("Failed at 80 %")
    play = page.locator("#replay [data-part=play]")
    play.click()
    expect(state.get_by_text("Replay", exact=True)).to_be_visible()
    moment = page.get_by_role("slider", name="Moment of the build")
    expect(play).to_have_text("Play")  # it was short, and is over
    moment.fill("0")
    expect(state).to_contain_text("Running 0 %")
    expect(page.locator(".error-row")).to_have_count(0)
    expect(page.locator(".output .line")).to_have_count(0)
    play.click()
    expect(state).to_contain_text("Failed at 80 %")
    expect(page.locator(".output .line")).to_have_count(4)
    expect(page.locator(".error-row")).to_have_count(1)
    page.get_by_role("button", name="End replay").click()
    expect(state.locator("[data-part=replayed]")).to_be_hidden()
    expect(play).to_be_focused()


def test_earlier_builds_of_its_job_are_a_chart_and_a_table(
    up: Web, new_page: NewPage, somebody: Own, name: str
) -> None:
    for number, job in enumerate(["test", "deploy", "test", "test"]):
        one = Build(somebody, name, f"b{number}", job=job)
        one.begin()
        one.end("succeeded" if number != 2 else "failed")
    page = open_live(new_page(), f"{up.url}/projects/{name}/builds/b3")
    earlier = page.locator("#earlier-builds")
    expect(earlier).to_contain_text("1 of 2 succeeded")
    earlier.get_by_text("As a table").click()
    expect(earlier.locator("tbody tr")).to_have_count(3)
    earlier.get_by_role("link", name="b0").click()
    expect(page).to_have_url(re.compile("/builds/b0$"))


def test_focus_stays_where_it_was_pressed(up: Web, new_page: NewPage, name: str) -> None:
    build = up.press_start(name, script=SLOW)["build"]
    page = open_live(new_page(), f"{up.url}/projects/{name}/builds/{build}")
    button = page.locator("#build-state [data-part=button]")
    expect(button).to_have_text("Stop")
    button.press("Enter")
    expect(button).to_have_text("Start again")
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-disabled", "false")
    button.press("Enter")
    started = page.locator("#build-state .started a")
    expect(started).to_be_visible()
    expect(button).to_be_focused()
    started.click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start again")).to_be_visible()


def test_it_asks_only_for_what_it_shows(up: Web, new_page: NewPage, build: Build) -> None:
    build.begin()
    for number in range(50):
        build.send("Update", progress=number)
    build.end("succeeded")
    recorded(up, build, 52)
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(up.url + build.path)
    expect(page.locator(".history-entry")).to_have_text(
        [re.compile("another began attempt 1"), re.compile("Succeeded")]
    )
    (url,) = (url for url in asked if "/activities" in url)
    assert re.findall(r"kind=(\w+)", url) == ["start", "stop", "status"]
    assert [url for url in asked if url.endswith("/errors")] == []


def test_axe_finds_nothing_and_nothing_is_cut_off(
    up: Web, new_page: NewPage, build: Build, name: str
) -> None:
    build.begin()
    build.print(
        "".join(
            f"\x1b[{30 + n % 8}mline {n}\x1b[{90 + n % 8};{40 + n % 8}m x\x1b[m\n"
            for n in range(99)
        )
    )
    build.fail("a" * 500 + "\n" + "line\n" * 30, source=Source(file="a/" * 100 + "b.c", line=3))
    build.fail("the same")
    build.fail("the same")
    page = open_live(new_page(reduced_motion="reduce"), up.url + build.path)
    expect(page.locator(".error-row")).to_have_count(2)

    def check() -> None:
        assert problems(page) == []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    check()
    build.end("failed")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("slider", name="Moment of the build")).to_be_visible()
    page.get_by_role("searchbox", name="Search in the output").fill("line 5")
    expect(page.locator(".output mark").first).to_be_visible()
    check()
    page.emulate_media(forced_colors="active")
    check()
    page.goto(f"{up.url}/projects/{name}/builds/unknown")
    expect(page.get_by_text("This build is not known here")).to_be_visible()
    assert problems(page) == []


def test_keys_lead_to_the_first_error_and_to_the_search(
    up: Web, new_page: NewPage, build: Build
) -> None:
    build.begin()
    build.print("one\n")
    build.fail("it failed")
    build.fail("another")
    page = open_live(new_page(), up.url + build.path)
    expect(page.locator(".error-row").nth(1).get_by_role("link")).to_be_visible()
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile("#error-1$"))
    expect(page.locator(".error-row").first.get_by_role("link")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search in the output")).to_be_focused()
