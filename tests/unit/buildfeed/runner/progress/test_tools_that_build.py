"""What the sources find in the output of tools that build.

Recorded here: ninja, CMake with GNU make, `make -n`. In the form that documents and issue threads
show, with names of our own: cargo, Bazel, Gradle, Maven, docker, webpack and vite.
"""

import pytest

from buildfeed.runner.progress.bazel import Bazel
from buildfeed.runner.progress.cargo import Cargo
from buildfeed.runner.progress.cmake import CMake
from buildfeed.runner.progress.docker import Docker
from buildfeed.runner.progress.gradle import Gradle
from buildfeed.runner.progress.make import Make, countable, recipe_lines
from buildfeed.runner.progress.maven import Maven
from buildfeed.runner.progress.ninja import Ninja
from buildfeed.runner.progress.reading import Reading
from buildfeed.runner.progress.vite import Vite
from buildfeed.runner.progress.webpack import Webpack
from support.captured import captured, printed, readings


def counts(said: list[Reading]) -> list[tuple[int | None, int | None]]:
    return [(each.done, each.total) for each in said]


@pytest.mark.parametrize("name", ["ninja.txt", "ninja-status.txt", "ninja-percent.txt"])
def test_ninja_counts_in_brackets_whatever_else_is_in_them(name: str) -> None:
    said = readings(Ninja(), captured(name))
    assert counts(said) == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert said[-1].phase == "Linking app"


def test_ninja_on_a_terminal_draws_over_its_line() -> None:
    said = readings(Ninja(), captured("ninja-terminal.txt"))
    assert counts(said)[0] == (0, 5)
    assert said[-1] == Reading(done=5, total=5, phase="Linking app")


@pytest.mark.parametrize(
    "text",
    [
        "[ 2% 3/120] cc",
        "[3/120 (2%) 1.2s] cc",
        "[3/120](8) cc",
        "[3/120 00:12] cc",
        "[B 3/120 1.2s] cc",
    ],
)
def test_custom_statuses_of_ninja(text: str) -> None:
    assert counts(readings(Ninja(), printed(text))) == [(3, 120)]


@pytest.mark.parametrize(
    "text",
    [
        "[03/12 10:15:00] started",
        "[12/05/2026] started",
        "[2026-01-02 03/04] started",
        "[worker 1/4] ready",
        "[5/3] what",
        "[0/0] nothing",
        "[1/2",
        "see [1/2] there",
        "[a/b] c",
        "[12345678/12345679] too many",
        "[٣/٤] other digits",
    ],
)
def test_brackets_that_hold_no_count(text: str) -> None:
    assert readings(Ninja(), printed(text)) == []


def test_cmake_says_percentages() -> None:
    said = readings(CMake(), captured("cmake.txt"))
    assert [each.percent for each in said] == [20, 40, 60, 60, 80, 100, 100]
    assert said[0].phase == "Building C object CMakeFiles/core.dir/a.c.o"


def test_make_is_counted_by_the_place_of_its_lines_in_the_list() -> None:
    listed = recipe_lines([line.text for line in captured("make-n.txt") if hasattr(line, "text")])
    assert listed == ("touch a.o", "touch b.o", "echo linking", "cat a.o b.o > app")
    said = readings(Make(listed), captured("make.txt"))
    assert counts(said) == [(0, 4), (1, 4), (3, 4)]
    assert readings(Make(), captured("make.txt")) == []


def test_equal_lines_of_make_are_counted_one_after_the_other() -> None:
    make = Make(recipe_lines(["echo a", "echo b", "echo a", "make: 'x' is up to date."]))
    said = readings(make, printed("echo a", "echo a", "echo a", "echo b"))
    assert counts(said) == [(0, 3), (2, 3), (2, 3)]


def test_a_list_of_make_that_is_too_long_is_none() -> None:
    assert recipe_lines(str(number) for number in range(100_001)) == ()


def test_the_directory_of_a_sub_make_is_a_phase() -> None:
    said = readings(Make(), printed("make[1]: Entering directory '/src/lib'", "make[1]: *** x"))
    assert said == [Reading(phase="/src/lib")]


@pytest.mark.parametrize(
    "text",
    [
        "all:\n\t$(MAKE) -C lib\n",
        "all:\n\t@+touch a\n",
        "all: ; +touch a\n",
        "all:\n\t${MAKE}\n",
        "A := $(shell date)\n",
        "A != date\n",
        "-include a.d\n",
        "include b.mk\n",
        "A := $(call f,x)\n",
        "x:\n\t$(file > a,b)\n",
        "all: Makefile\nMakefile: Makefile.in\n\t./config.status\n",
        "all:\nrules.mk: x\n\ttouch x\n",
        "ifdef X\n\tinclude x.mk\nendif\n",
        "R = +touch x\nall:\n\t$(R)\n",
        "all:\n\t\t+touch a\n",
        "all: ;\t+touch a\n",
        "override define X\n+touch a\nendef\n",
        "$(MAKEFILE_LIST): x\n\ttouch a\n",
        "%: %.in\n\ttouch a\n",
    ],
)
def test_makefiles_that_do_something_even_with_n_are_not_countable(text: str) -> None:
    assert not countable(text)


def test_a_plain_makefile_is_countable() -> None:
    assert countable("CC ?= gcc\napp: a.o\n\t$(CC) -o $@ $^\n%.o: %.c\n\t@echo 1+1\n\t-rm x\n")
    assert countable("CXX = g++\nCXXFLAGS += -std=c++17\napp: a.cc\n\t$(CXX) -o $@ $+\n")


def test_cargo_counts_by_its_bar_if_there_is_one() -> None:
    cargo = Cargo()
    texts = [
        "   Compiling itoa v1.0.9",
        "   Compiling app v0.1.0 (/src/app)",
        "    Building [=======>         ] 12/40: serde, app(build)",
        "   Compiling rand v0.8.5",
        "    Finished `dev` profile [unoptimized + debuginfo] target(s) in 0.42s",
    ]
    assert readings(cargo, printed(*texts)) == [
        Reading(done=1, phase="Compiling itoa"),
        Reading(done=2, phase="Compiling app"),
        Reading(done=12, total=40, phase="serde, app(build)"),
        Reading(phase="Compiling rand"),
        Reading(done=40, total=40),
    ]


def test_the_json_of_cargo_counts_artifacts() -> None:
    ids = [
        "registry+https://github.com/rust-lang/crates.io-index#itoa@1.0.9",
        "path+file:///src/app#0.1.0",
    ]
    lines = printed(
        *(f'{{"reason":"compiler-artifact","package_id":"{each}","x":1}}' for each in ids)
    )
    assert readings(Cargo(), lines) == [
        Reading(done=1, phase="itoa"),
        Reading(done=2, phase="app"),
    ]


def test_bazel_counts_when_it_has_analysed() -> None:
    said = readings(Bazel(), captured("bazel.txt"))
    assert [each for each in counts(said) if each[1]] == [
        *((0, 1205), (1024, 1205), (1190, 1210), (1210, 1210))
    ]
    assert said[3] == Reading(phase="[Prepa] Expanding template app/config")


def test_gradle_says_percentages_of_the_execution() -> None:
    said = readings(Gradle(), captured("gradle.txt"))
    assert [each.percent for each in said if each.percent is not None] == [12, 37, 96, 100]
    assert counts(said)[:2] == [(1, None), (2, None)]
    assert readings(Gradle(), printed("<====---------> 42% CONFIGURING [3s]")) == [
        Reading(phase="Configuring")
    ]


def test_maven_counts_the_modules_that_are_done() -> None:
    said = readings(Maven(), captured("maven.txt"))
    assert [each for each in counts(said) if each[1]] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert said[1].phase == "shop maven-clean-plugin:2.5:clean"


def test_docker_counts_steps() -> None:
    texts = [
        "Step 1/3 : FROM debian",
        "Step 3/3 : RUN make",
        "Successfully built 0123456789ab",
        "[+] Building 12.3s (5/12)",
        "#8 [build 3/7] RUN make",
        " => [2/4] COPY . .",
        "#9 CACHED",
    ]
    assert readings(Docker(), printed(*texts)) == [
        Reading(done=0, total=3, phase="FROM debian"),
        Reading(done=2, total=3, phase="RUN make"),
        Reading(done=3, total=3),
        Reading(done=5, total=12),
        Reading(phase="RUN make"),
        Reading(phase="COPY . ."),
    ]


def test_webpack_says_percentages_logged_or_drawn() -> None:
    texts = [
        "<s> [webpack.Progress] 42% building 12/40 modules",
        "[webpack.Progress] 100%",
        "10% building 0/1 entries 0/0 dependencies 0/0 modules",
        "95% emitting",
        "<i> [webpack.Progress] 36ms building",
        "42% more sales",
    ]
    said = readings(Webpack(), printed(*texts))
    assert [each.percent for each in said] == [42, 100, 10, 95]


def test_a_webpack_that_drew_no_last_percent_is_done_when_it_says_so() -> None:
    drawn = printed("99% done plugins", redrawn=True)
    for result in ("successfully in 26098 ms", "with 2 warnings in 9 ms"):
        said = readings(Webpack(), [*drawn, *printed(f"webpack 5.113.0 compiled {result}")])
        assert [each.percent for each in said] == [99, 100]
    failed = printed("webpack 5.113.0 compiled with 1 error in 9 ms")
    assert len(readings(Webpack(), [*drawn, *failed])) == 1
    quiet = printed("webpack 5.113.0 compiled successfully in 9 ms")
    assert readings(Webpack(), quiet) == []


def test_vite_counts_without_a_total() -> None:
    texts = ["transforming...", "transforming (12) src/a.js", "✓ 34 modules transformed."]
    texts += ["rendering chunks (3)...", "transforming lives"]
    said = readings(Vite(), printed(*texts, redrawn=True))
    assert counts(said) == [(None, None), (12, None), (34, None), (None, None)]
    assert said[-1].phase == "rendering chunks (3)"
