"""All sources by name, and those that count for a program. Pure.

A command that is a tool itself, as `ninja` or `pytest`, is done when that tool is: what other tools
print within it, as a test that builds something, is a phase. Of any other command, as `make` or a
script, it is not known which tools it runs, so each of them may count.
"""

from collections.abc import Sequence
from typing import Final

from buildfeed.runner.progress.bars import Bars
from buildfeed.runner.progress.bazel import Bazel
from buildfeed.runner.progress.cargo import Cargo
from buildfeed.runner.progress.cmake import CMake
from buildfeed.runner.progress.ctest import CTest
from buildfeed.runner.progress.docker import Docker
from buildfeed.runner.progress.go import Go
from buildfeed.runner.progress.gradle import Gradle
from buildfeed.runner.progress.make import Make
from buildfeed.runner.progress.maven import Maven
from buildfeed.runner.progress.meson import Meson
from buildfeed.runner.progress.ninja import Ninja
from buildfeed.runner.progress.program import Program
from buildfeed.runner.progress.pytest import PyTest
from buildfeed.runner.progress.reading import Source
from buildfeed.runner.progress.rust_tests import RustTests
from buildfeed.runner.progress.tap import Tap
from buildfeed.runner.progress.unittest import UnitTest
from buildfeed.runner.progress.vite import Vite
from buildfeed.runner.progress.webpack import Webpack

_TOOLS: Final = {
    "ninja": "ninja",
    "ctest": "ctest",
    "pytest": "pytest",
    "unittest": "unittest",
    "bazel": "bazel",
    "gradle": "gradle",
    "mvn": "maven",
    "webpack": "webpack",
    "vite": "vite",
    "prove": "tap",
    "docker": "docker",
    "podman": "docker",
    "buildah": "docker",
    "go": "go",
    "wget": "bars",
    "curl": "bars",
    "aria2c": "bars",
    "rsync": "bars",
    "pv": "bars",
}
_CARGO: Final = {
    *("build", "b", "check", "c", "clippy", "doc", "d", "rustc", "rustdoc", "fix", "install"),
    *("test", "t", "bench", "nextest"),
}
_INSTALLERS: Final = {
    # program: its words that install; none: it only installs
    "pip": (),
    "apt": (),
    "apt-get": (),
    "dnf": (),
    "apk": (),
    "conda": ("install", "create", "update"),
    "npm": ("install", "i", "ci", "add", "update"),
    "pnpm": ("install", "i", "add", "update"),
    "uv": ("sync", "pip", "add", "lock"),
    "git": (),
}
_ALONE: Final = frozenset({program for program, source in _TOOLS.items() if source == "bars"})


def sources(program: Program, recipe_lines: Sequence[str]) -> dict[str, Source]:
    """Return a new source for each tool, in the order in which a line is shown to them."""
    return {
        "ninja": Ninja(),
        "cmake": CMake(),
        "pytest": PyTest(),
        "ctest": CTest(),
        "meson": Meson(),
        "cargo": Cargo(),
        "rust-tests": RustTests(),
        "go": Go(),
        "bazel": Bazel(),
        "gradle": Gradle(),
        "maven": Maven(),
        "docker": Docker(),
        "webpack": Webpack(),
        "vite": Vite(),
        "tap": Tap(),
        "unittest": UnitTest(dots=program.name == "unittest"),
        "make": Make(recipe_lines),
        "bars": Bars(alone=program.name in _ALONE),
    }


def counting(program: Program) -> frozenset[str] | None:
    """Return the names of the sources that count for `program`, None if each may.

    None count for an installer: it counts one package or file after the other.
    """
    first = program.arguments[0] if program.arguments else ""
    if program.name in _INSTALLERS:
        words = _INSTALLERS[program.name]
        return frozenset() if not words or first in words else None
    match program.name:
        case "cargo":
            return frozenset({"cargo", "rust-tests"}) if first in _CARGO else None
        case "cmake":
            return frozenset({"ninja", "cmake"}) if first == "--build" else None
        case "meson":
            return {"compile": frozenset({"ninja"}), "test": frozenset({"meson"})}.get(first)
        case name:
            return frozenset({_TOOLS[name]}) if name in _TOOLS else None
