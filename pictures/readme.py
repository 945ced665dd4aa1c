"""Makes docs/page.png, the picture of the README: the page while real commands run, moving.

`buildfeed up` and `buildfeed run` are real, and so are the builds: a small C library that this
program writes, compiled by make, and tests of this project by pytest. The picture is an animated
PNG.
usage: python pictures/readme.py [FILE]
"""

import base64
import os
import secrets
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests")]

from buildfeed.broker.local import ports  # noqa: E402
from buildfeed.cli import here  # noqa: E402
from support.service import HTTP, Web, until  # noqa: E402

LARGEST = 500_000
SIZE = 1100, 640
FRAMES = 16
FRAME_MS = 500
LAST_MS = 3000
SOURCES = 48
FUNCTIONS = 100
"""In each of the sources, so that it takes a moment to compile."""
BROKEN = 7
"""Which of the sources does not compile."""

MAKEFILE = """\
OBJECTS := $(patsubst %.c,%.o,$(sort $(wildcard *.c)))
libnet.a: $(OBJECTS)
\tar rcs $@ $(OBJECTS)
%.o: %.c
\tcc -O2 -c $< -o $@
"""

# Cuts the part out of a picture that differs from the picture before; both are data: URLs.
CHANGED = """async ([before, after]) => {
  const load = (url) => new Promise((done) => {
    const image = new Image();
    image.onload = () => done(image);
    image.src = url;
  });
  const draw = (image) => {
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    return context;
  };
  const images = await Promise.all([load(before || after), load(after)]);
  const [old, now] = images.map(draw);
  const {width, height} = now.canvas;
  let box = [0, 0, width, height];
  if (before) {
    const dots = (each) => new Uint32Array(each.getImageData(0, 0, width, height).data.buffer);
    const [a, b] = [old, now].map(dots);
    box = [width, height, 0, 0];
    for (let i = 0; i < a.length; i++) {
      if (a[i] === b[i]) continue;
      const [x, y] = [i % width, Math.floor(i / width)];
      box = [
        ...[Math.min(box[0], x), Math.min(box[1], y)],
        ...[Math.max(box[2], x + 1), Math.max(box[3], y + 1)],
      ];
    }
  }
  const [left, top, right, bottom] = box;
  if (right <= left) return null;
  const part = document.createElement("canvas");
  part.width = right - left;
  part.height = bottom - top;
  const found = now.getImageData(left, top, part.width, part.height);
  if (before) { // what stays is left out: it is transparent, which takes few bytes
    const was = old.getImageData(left, top, part.width, part.height);
    const [a, b] = [was, found].map((each) => new Uint32Array(each.data.buffer));
    for (let i = 0; i < b.length; i++) if (a[i] === b[i]) b[i] = 0;
  }
  part.getContext("2d").putImageData(found, 0, 0);
  return {left, top, url: part.toDataURL("image/png")};
}"""


class Frame(NamedTuple):
    """A part of the picture that changes, and for how many ms it stays so."""

    png: bytes
    left: int
    top: int
    milliseconds: int


def animated(frames: list[Frame]) -> bytes:
    """Return the animated PNG (PNG 3rd edition, §11.3.6); the first frame is the whole picture."""
    header = next(data for name, data in _chunks(frames[0].png) if name == b"IHDR")
    parts = [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", header)]
    parts.append(_chunk(b"acTL", struct.pack(">II", len(frames), 0)))
    number = 0
    for frame in frames:
        inner = next(data for name, data in _chunks(frame.png) if name == b"IHDR")
        size = struct.unpack(">II", inner[:8])
        place = (number, *size, frame.left, frame.top, frame.milliseconds, 1000, 0, 1)
        parts.append(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", *place)))
        number += 1
        data = b"".join(data for name, data in _chunks(frame.png) if name == b"IDAT")
        data = zlib.compress(zlib.decompress(data), 9)
        if frame is frames[0]:
            parts.append(_chunk(b"IDAT", data))
            continue
        parts.append(_chunk(b"fdAT", struct.pack(">I", number) + data))
        number += 1
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def filmed(page: Page, maker: Page) -> list[Frame]:
    """Watch the page for a while; `maker` compares its pictures."""
    frames: list[Frame] = []
    before = None
    for _ in range(FRAMES):
        after = "data:image/png;base64," + base64.b64encode(page.screenshot()).decode()
        part = maker.evaluate(CHANGED, [before, after])
        before = after
        if part:
            png = base64.b64decode(part["url"].partition(",")[2])
            frames.append(Frame(png, part["left"], part["top"], FRAME_MS))
        elif frames:
            last = frames[-1]
            frames[-1] = last._replace(milliseconds=last.milliseconds + FRAME_MS)
        page.wait_for_timeout(FRAME_MS)
    frames[-1] = frames[-1]._replace(milliseconds=LAST_MS)
    return frames


def write_library(folder: Path, broken: int | None) -> None:
    """Write a small C library; the source `broken` has an error."""
    folder.mkdir()
    (folder / "Makefile").write_text(MAKEFILE)
    for number in range(SOURCES):
        name = f"frame_{number:02}"
        lines = ["#include <stddef.h>", "struct frame { size_t length; unsigned char *bytes; };"]
        lines += [
            f"unsigned {name}_{part}(const struct frame *frame) {{ unsigned sum = {part};"
            " for (size_t i = 0; i < frame->length; i++) sum = sum * 31 + frame->bytes[i];"
            " return sum; }"
            for part in range(FUNCTIONS)
        ]
        if number == broken:
            lines.append(f"int {name}(struct frame *frame) {{ return frame->size; }}")
        (folder / f"{name}.c").write_text("\n".join(lines) + "\n")


def run(
    folder: Path, project: str, job: str, title: str, *command: str
) -> "subprocess.Popen[bytes]":
    """Run a command in a folder as a build of Ada's."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("BUILDFEED_")}
    words = [sys.executable, "-m", "buildfeed", "run", "--project", project, "--job", job]
    words += ["--title", title, "--", *command]
    environment = own | {"PYTHONPATH": str(ROOT), "LOGNAME": "ada"}
    return subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def make_picture(page: Page, maker: Page, home: Path, web: Web) -> bytes:
    """Run the builds, and film the page while the last two run."""
    for name, broken in (("good", None), ("bad", BROKEN)):
        write_library(home / name, broken)
    run(home / "good", "libnet", "library", "make -j2", "make", "-j2").wait()
    tests = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    unit = ROOT / "tests/unit"
    terminal = [*tests, str(unit / "buildfeed/terminal")]
    run(home, "buildfeed", "terminal", "pytest unit/terminal", *terminal).wait()
    page.goto(web.url)
    expect(page.locator("#connection-status")).to_contain_text("Live")
    gateway = [*tests, str(unit / "gateway/http")]
    running = [
        run(home, "buildfeed", "gateway", "pytest unit/gateway", *gateway),
        run(home / "bad", "libnet", "library", "make -k -j2", "make", "-k", "-j2"),
    ]
    latest = f"{web.url}/api/projects/libnet/builds/latest"
    until(lambda: HTTP.get(latest).json().get("progress", 0) in range(5, 100), "it goes on", 60)
    frames = filmed(page, maker)
    for each in running:
        each.terminate()
        each.wait()
    return animated(frames)


def main(file: str = str(ROOT / "docs/page.png")) -> None:
    """Make the picture."""
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        (home / here.FOLDER).mkdir()
        port = ports.free_block(2, secrets.randbelow(100_000)) or 0
        with Web("up", home / here.FOLDER, port=port, mqtt_port=port + 1) as web:
            web.until_ready()
            browser = playwright.chromium.launch(executable_path=chromium)
            width, height = SIZE
            context = browser.new_context(viewport={"width": width, "height": height})
            picture = make_picture(context.new_page(), browser.new_page(), home, web)
            browser.close()
    if len(picture) > LARGEST:
        raise SystemExit(f"The picture has {len(picture)} bytes, {LARGEST} are allowed.")
    Path(file).write_bytes(picture)
    print(f"{file}: {len(picture)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
