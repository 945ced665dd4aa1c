"""The output of a build with very many lines: how soon lines are there, and what they take."""

from datetime import UTC, datetime
from typing import Any

from browser.chromium import DESKTOP, Chromium
from browser.figures import Figure
from browser.load import begun
from browser.site import for_load
from msgspec import UNSET, structs
from publisher import Publisher

from buildfeed.activity import MAX_LOG_BYTES, Activity, Build, worker_actor
from support.service import HTTP, until

LINES = 100_000
WANTED = 77_777
"""The line that is searched for."""

ROWS = "#output [data-part=rows]"

# Resolves to the ms from `begin` on until the lines that are drawn have a text.
UNTIL_DRAWN = """([rows, text, begin]) => new Promise((done) => {
  const look = () => document.querySelector(rows)?.textContent.includes(text)
    ? done(performance.now() - begin) : requestAnimationFrame(look);
  look();
})"""
PRESS = """(part) => {
  const begin = performance.now();
  document.querySelector(`#output [data-part=${part}]`).click();
  return begin;
}"""
SEARCH = """(wanted) => {
  const begin = performance.now();
  const field = document.querySelector("#output input[type=search]");
  field.value = wanted;
  field.dispatchEvent(new Event("input", {bubbles: true}));
  field.form.requestSubmit();
  return begin;
}"""


def plain(number: int) -> str:
    """Return the text of a line."""
    return f"[{number}/{LINES}] cc -O2 -Wall -c src/module_{number}.c -o out/module_{number}.o"


def line(number: int) -> str:
    """Return a line of the output; every tenth is coloured."""
    return f"\x1b[32m{plain(number)}\x1b[0m\n" if number % 10 == 0 else f"{plain(number)}\n"


def printed(build: Build) -> list[Activity]:
    """Return the activities of a build that prints so many lines, and has ended."""
    said = [_said(build, "Accept")]
    block, offset = "", 0
    for number in range(1, LINES + 1):
        more = line(number)
        if len(block) + len(more) > MAX_LOG_BYTES:
            build = structs.replace(build, seq=build.seq + 1)
            said.append(_said(build, "Add", content=block, offset=offset))
            offset, block = offset + len(block.encode()), ""
        block += more
    build = structs.replace(build, seq=build.seq + 1)
    said.append(_said(build, "Add", content=block, offset=offset))
    ended = {"status": "succeeded", "progress": 100, "exit_code": 0, "end_time": datetime.now(UTC)}
    return [*said, _said(structs.replace(build, seq=build.seq + 1, **ended), "Update")]


def measure(chromium: Chromium) -> list[Figure]:
    """Open the build, go to its end, search in it."""
    with for_load() as site:
        build = begun(0, 0)
        activities = printed(build)
        publisher = Publisher(site.mqtt_url)
        for number in range(0, len(activities), 10):
            publisher.say(activities[number : number + 10])
        size = sum(len(str(each.content).encode()) for each in activities if each.type == "Add")
        log = f"{site.url}/api/projects/{build.project}/builds/{build.build}/log"
        until(lambda: len(HTTP.get(log).content) == size, "the output is recorded", 60)
        watched = chromium.page(DESKTOP)
        page = watched.page
        page.goto(f"{site.url}/projects/{build.project}/builds/{build.build}", wait_until="commit")
        opened = page.evaluate(UNTIL_DRAWN, [ROWS, plain(LINES), 0])
        first = page.evaluate(UNTIL_DRAWN, [ROWS, plain(1), page.evaluate(PRESS, "top")])
        last = page.evaluate(UNTIL_DRAWN, [ROWS, plain(LINES), page.evaluate(PRESS, "end")])
        begin = page.evaluate(SEARCH, f"module_{WANTED}.c")
        found = page.evaluate(UNTIL_DRAWN, [ROWS, plain(WANTED), begin])
        rows = page.locator(ROWS).evaluate("rows => rows.childElementCount")
        heap = watched.heap()
        page.context.close()
    return [
        Figure("last lines, from the opening of the page on", opened / 1000, "s", 0.5, less=True),
        Figure("first lines", first / 1000, "s", 0.5, less=True),
        Figure("last lines", last / 1000, "s", 0.5, less=True),
        Figure("search", found / 1000, "s", 0.5, less=True),
        Figure("heap", heap.megabytes, "MB"),
        Figure("output", size / 1e6, "MB"),
        Figure("rows in the document", rows),
    ]


def _said(build: Build, type_: Any, content: str = "", offset: int = 0) -> Activity:  # noqa: ANN401
    said = Activity.about(
        build, type_, worker_actor("w1"), datetime.now(UTC), content=content or UNSET
    )
    return structs.replace(said, offset=offset) if type_ == "Add" else said
