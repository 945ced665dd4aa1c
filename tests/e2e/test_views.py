"""Every view of the page in a real Chromium, in the ways in which people look at it."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Page, expect

from support.axe import AXE, VIOLATIONS
from support.staged import BUILDS, Stage
from support.views import PATHS, VIEWS, WEB

NewPage = Callable[..., Page]


class Eyes(NamedTuple):
    """How somebody looks at the page."""

    options: dict[str, Any]
    rules: list[str] | None = None
    spaced: bool = False


COLOURS = ["color-contrast", "link-in-text-block"]
EYES = {
    "light": Eyes({"viewport": {"width": 1280, "height": 900}}),
    "dark": Eyes({"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}, COLOURS),
    "forced colours": Eyes({"viewport": {"width": 1280, "height": 900}, "forced_colors": "active"}),
    "320 px": Eyes({"viewport": {"width": 320, "height": 700}}),
    "200 %": Eyes({"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2}),
    "spaced": Eyes({"viewport": {"width": 390, "height": 844}}, spaced=True),
}

# WCAG 2.2, 1.4.12. A sheet of a script: the page's policy allows no foreign style.
SPACE = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    * {
      line-height: 1.5 !important;
      letter-spacing: 0.12em !important;
      word-spacing: 0.16em !important;
    }
    p { margin-bottom: 2em !important }
  `);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""

# Texts whose lower part is cut off, where that is not meant by a number of lines.
CUT = """() => [...document.body.querySelectorAll("*")].filter((element) => {
  const style = getComputedStyle(element);
  const has = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return has && !element.closest(".for-ears") && element.checkVisibility() &&
    /hidden|clip/.test(style.overflowY) && style.webkitLineClamp === "none" &&
    element.clientHeight > 1 &&
    element.scrollHeight > element.clientHeight + 2;
}).map((element) => element.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("stage")) as stage:
        stage.show(*BUILDS)
        yield stage


def test_every_file_of_the_page_is_looked_at() -> None:
    assert {file.name for file in WEB.glob("*.html")} <= VIEWS.keys()


@pytest.mark.parametrize("eyes", EYES.values(), ids=EYES)
@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_in_the_way(stage: Stage, new_page: NewPage, path: str, eyes: Eyes) -> None:
    page = new_page(reduced_motion="reduce", **eyes.options)
    page.goto(stage.url + path)
    if page.locator("#connection-status").count():
        expect(page.locator("#connection-status")).to_contain_text("Live")
    else:
        page.wait_for_load_state("networkidle")
    if eyes.spaced:
        page.evaluate(SPACE)
    width = eyes.options["viewport"]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    page.evaluate(AXE.read_text())
    rules = {"runOnly": eyes.rules} if eyes.rules else {}
    assert page.evaluate(VIOLATIONS, rules) == []
