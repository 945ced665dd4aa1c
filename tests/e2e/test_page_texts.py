"""What the page shows of texts that programs wrote, in a real Chromium."""

import re
from collections.abc import Callable, Iterator

import pytest
from msgspec import UNSET, structs
from playwright.sync_api import Page, Route, expect

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
    card = page.locator(".build-card")
    expect(card.locator("[data-part=error]")).to_have_js_property("textContent", SHOWN_ERROR)
    facts = card.locator("[data-part=facts]")
    expect(facts.locator("bdi")).to_have_count(2)
    assert page.evaluate(PLACES, facts.element_handle()) == "startedbycba·oncba"
    entries = page.locator(".history-entry")
    expect(entries).to_have_count(2)
    assert entries.locator("pre").last.text_content() == SHOWN_ERROR
    text = entries.locator(".text").first
    assert page.evaluate(PLACES, text.element_handle()) == "anotherbeganattempt1"
    somebody.send(by_another(offer, "Update", seq=2, status="failed", progress=70, errors=1))
    expect(page).to_have_title(re.compile("^Failed at 70 %"))
    for shown in (page.title(), page.evaluate("document.body.innerText")):
        assert not CONTROLS.search(shown)
    page.goto(f"{up.url}/projects/{project}")
    expect(card).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_asks_only_for_what_it_shows(up: Web, somebody: Own, new_page: NewPage) -> None:
    offer = own("output", "loud")
    somebody.send(by_another(offer))
    for seq in range(1, 251):
        line = by_another(offer, "Add", seq=seq)
        somebody.send(structs.replace(line, content=f"line {seq}\n"))
    somebody.send(by_another(offer, "Update", seq=251, status="succeeded", progress=100))
    address = f"{up.url}/api/projects/output/builds/loud/activities"
    until(lambda: HTTP.get(address).json().get("totalItems") == 252, "all are recorded")
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{up.url}/projects/output/builds/loud")
    expect(page.locator(".history-entry")).to_have_text(
        [re.compile("another began attempt 1"), re.compile("Succeeded")]
    )
    (url,) = (url for url in asked if "/activities" in url)
    assert re.findall(r"kind=(\w+)", url) == ["start", "stop", "status", "error"]


def test_a_history_of_many_pages_is_shown_page_by_page(
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
    held: list[Route] = []
    page.route(re.compile(r"/activities\?after=[1-9]"), lambda route: held.extend([route]))
    page.goto(f"{up.url}/projects/errors/builds/many")
    expect(page.locator(".history-entry")).to_have_count(100)
    until(lambda: page.evaluate("1") and held, "the second page is asked for")
    held[0].continue_()
    expect(page.locator(".history-entry")).to_have_count(121)
    somebody.send(by_another(offer, "Update", seq=121, status="failed", errors=120))
    until(lambda: up.build("errors", "many")["status"] == "failed", "it has ended")
