"""What the page shows of texts that programs wrote, in a real Chromium."""

import re
from collections.abc import Callable, Iterator

import pytest
from msgspec import UNSET, structs
from playwright.sync_api import Page, expect

from buildfeed.activity import Activity, Actor, urn
from support.own_builds import Own, publishing_url
from support.service import HTTP, Web, until
from support.workshop import by_another, start

NewPage = Callable[..., Page]

RLO, PDI = "\u202e", "\u2069"
NASTY = f"{PDI}{RLO}\x1b]0;evil\x07abc\x1b[31m\x00\r\n"
NASTY_ERROR = (
    "\x1b[31mERROR\x1b[0m x\r\n"
    "10 %\r20 %\r100 %\n"
    "\x1b]8;;https://evil.example/\x1b\\link\x1b]8;;\x1b\\ b\bc\x07\x7f\x9b1m\n"
)
SHOWN_ERROR = "ERROR x\n100 %\nlink c"
CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")

# The letters of a text as they stand, line by line, from left to right, without spaces.
PLACES = """
    (element) => {
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      const letters = [];
      while (walker.nextNode()) {
        const node = walker.currentNode;
        for (let i = 0; i < node.length; i++) {
          const range = document.createRange();
          range.setStart(node, i);
          range.setEnd(node, i + 1);
          const {top, left, width} = range.getBoundingClientRect();
          if (width) letters.push([Math.round(top), left, node.data[i]]);
        }
      }
      letters.sort(([top, left], [under, right]) => top - under || left - right);
      return letters.map(([, , letter]) => letter).join("").replace(/ /g, "");
    }
"""


def own(project: str, build: str) -> Activity:
    """Return the start of a build that somebody with a nasty name asked for."""
    facts = {"id": urn(project, build), "project": project, "build": build, "by": NASTY}
    offer = start()
    state = structs.replace(offer.object, script=UNSET, **facts)
    return structs.replace(offer, id=f"{state.id}:0.0", object=state)


def by(name: str, activity: Activity) -> Activity:
    return structs.replace(activity, actor=Actor(type="Service", name=name))


@pytest.fixture
def somebody(up: Web) -> Iterator[Own]:
    with Own(publishing_url(up)) as own_:
        yield own_


@pytest.mark.parametrize("width", [390, 1280])
def test_a_text_of_a_program_is_shown_and_turns_nothing_else_round(
    up: Web, somebody: Own, new_page: NewPage, width: int
) -> None:
    project = f"texts-{width}"
    offer = own(project, "own")
    page = new_page(viewport={"width": width, "height": 844})
    page.goto(f"{up.url}/projects/{project}/builds/own")
    expect(page.locator("#connection-status")).to_contain_text("Live")
    somebody.send(by_another(offer))
    flag = by_another(offer, "Flag", seq=1, progress=70, errors=1, error=NASTY_ERROR)
    somebody.send(by(NASTY, structs.replace(flag, content=NASTY_ERROR)))
    error = page.locator(".error-row pre")
    expect(error).to_have_js_property("textContent", SHOWN_ERROR)
    starter = page.locator(".fact-row").filter(has_text="Started by").locator("dd")
    expect(starter.locator("bdi")).to_have_count(1)
    assert page.evaluate(PLACES, starter.element_handle()) == "cba"
    entries = page.locator(".history-entry")
    expect(entries).to_have_count(2)  # with that of the first error
    text = entries.locator(".text").first
    assert page.evaluate(PLACES, text.element_handle()) == "anotherbeganattempt1"
    somebody.send(by_another(offer, "Update", seq=2, status="failed", progress=70, errors=1))
    expect(page).to_have_title(re.compile("^✗ Failed at 70 %"))
    for shown in (page.title(), page.evaluate("document.body.innerText")):
        assert not CONTROLS.search(shown)
    page.goto(f"{up.url}/projects/{project}")
    expect(page.locator("#build-list [data-key]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_errors_of_many_pages_are_read_page_by_page(
    up: Web, somebody: Own, new_page: NewPage
) -> None:
    offer = own("errors", "many")
    somebody.send(by_another(offer))
    for seq in range(1, 121):
        flag = by_another(offer, "Flag", seq=seq, errors=seq, error=f"error {seq}")
        somebody.send(structs.replace(flag, content=f"error {seq}"))
    address = f"{up.url}/api/projects/errors/builds/many/activities?kind=error"
    until(lambda: HTTP.get(address).json().get("totalItems") == 120, "all are recorded")
    page = new_page()
    page.goto(f"{up.url}/projects/errors/builds/many")
    rows = page.locator(".error-row")
    expect(rows).to_have_count(20)
    page.get_by_role("button", name=re.compile("Show .* more")).click()
    expect(rows.nth(20).get_by_role("link")).to_be_focused()
    page.get_by_role("button", name="Read more errors").click()
    expect(rows).to_have_count(120)
    page.goto(f"{up.url}/projects/errors/builds/many#error-110")
    page.reload()
    expect(page.locator(".error-row[data-chosen]")).to_have_text(
        re.compile(r"#110\s.*error 110", re.DOTALL)
    )
    somebody.send(by_another(offer, "Update", seq=121, status="failed", errors=120))
    until(lambda: up.build("errors", "many")["status"] == "failed", "it has ended")
