"""Takes pictures of every view of the page in every state, to be looked at one by one.

They come from a real gateway in a real Chromium, on a phone, a tablet and a desk, light and dark.
usage: python benchmarks/pictures.py FOLDER [SCENE...]
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests")]

from browser.chromium import Chromium  # noqa: E402
from browser.load import Load  # noqa: E402

from support.staged import BUILDS, PROJECT, Stage  # noqa: E402
from support.views import PATHS  # noqa: E402

PHONE, TABLET, DESK = (360, 740), (768, 1024), (1440, 900)
SETTLE_MS = 1500
FIVE = "running", "red", "queued", "succeeded", "failed"

SHEET = """<style>
  body { margin: 0; display: flex; gap: 12px; padding: 12px; background: #888; align-items: start }
</style>
<body>%s</body>"""


class Look(NamedTuple):
    """A way to look at a view."""

    name: str
    size: tuple[int, int]
    options: dict[str, Any]


DARK = {"color_scheme": "dark"}
LOOKS = (
    Look("360-light", PHONE, {}),
    Look("360-dark", PHONE, DARK),
    Look("768-light", TABLET, {}),
    Look("768-dark", TABLET, DARK),
    Look("1440-light", DESK, {}),
    Look("1440-dark", DESK, DARK),
)
FORCED = (
    Look("360-forced", PHONE, {"forced_colors": "active"}),
    Look("1440-forced", DESK, {"forced_colors": "active", **DARK}),
)


class Scene(NamedTuple):
    """Builds on a stage, and what else happens there before the pictures."""

    builds: tuple[str, ...] = ()
    then: Callable[[Stage], None] = lambda _: None
    paths: tuple[str, ...] = ("/",)
    looks: tuple[Look, ...] = LOOKS
    workers: bool = True
    running: int = 0
    ended: int = 0


def of_a_build(build: str) -> Scene:
    """Return the scene of the view of one build."""
    return Scene((build,), paths=(f"/projects/{PROJECT}/builds/{build}",))


SCENES = {
    "empty": Scene(),
    "one": Scene(("running",)),
    "five": Scene(FIVE),
    "red": Scene(("red", "failed")),
    "stopped": Scene(("stopping", "stopped")),
    "delayed": Scene(("delayed", "queued")),
    "lost": Scene(("lost", "running")),
    "no-worker": Scene(("queued", "succeeded"), workers=False),
    "broker-down": Scene(FIVE, then=Stage.break_broker),
    "thousand": Scene(running=100, ended=900),
    "forced": Scene(BUILDS, looks=FORCED, paths=tuple(PATHS)),
    "project": Scene(BUILDS, paths=(f"/projects/{PROJECT}", "/projects/nobody")),
    "others": Scene(BUILDS, paths=("/operations", f"/embed/{PROJECT}", "/login", "/phone")),
} | {f"build-{build}": of_a_build(build) for build in (*BUILDS,)}


@contextmanager
def staged(scene: Scene) -> Iterator[Stage]:
    """Put a scene on a stage."""
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        if scene.ended or scene.running:
            with Load(stage.mqtt_url, running=scene.running, rate=1, ended=scene.ended):
                yield stage
            return
        stage.show(*scene.builds, workers=scene.workers)
        scene.then(stage)
        yield stage


def take(page: Page, url: str, file: Path) -> None:
    """Take a picture of a view that has come to rest."""
    page.goto(url)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=file)


def sheet(chromium: Chromium, pictures: list[Path], file: Path) -> None:
    """Put pictures beside each other."""
    images = "".join(f'<img src="{each.name}">' for each in pictures)
    file.with_suffix(".html").write_text(SHEET.replace("%s", images))
    page = chromium.context((400, 300)).new_page()
    page.goto(file.with_suffix(".html").resolve().as_uri())
    page.locator("body").evaluate("body => body.style.width = 'max-content'")
    size = page.evaluate("[document.body.scrollWidth, document.body.scrollHeight]")
    page.set_viewport_size({"width": size[0] + 24, "height": size[1]})
    page.screenshot(path=file)
    page.context.close()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("scenes", nargs="*", help=f"default: all of {', '.join(SCENES)}")
    parser.add_argument("--looks", help=f"some of {','.join(look.name for look in LOOKS)}")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = Chromium(playwright)
        for name in asked.scenes or SCENES:
            scene = SCENES[name]
            looks = [each for each in scene.looks if not asked.looks or each.name in asked.looks]
            with staged(scene) as stage:
                taken: dict[str, list[Path]] = {}
                for look in looks:
                    context = chromium.context(look.size, reduced_motion="reduce", **look.options)
                    for path in scene.paths:
                        view = f"{name}{path.replace('/', '-').rstrip('-')}"
                        file = asked.folder / f"{view}-{look.name}.png"
                        page = context.new_page()
                        take(page, stage.url + path, file)
                        page.close()
                        taken.setdefault(view, []).append(file)
                    context.close()
            for view, files in taken.items():
                narrow = [file for file in files if "1440" not in file.name]
                sheet(chromium, narrow, asked.folder / f"sheet-{view}.png")
            print(name, flush=True)
        chromium.close()


if __name__ == "__main__":
    main()
