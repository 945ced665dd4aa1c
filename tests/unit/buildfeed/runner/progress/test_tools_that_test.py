"""What the sources find in the output of tools that test.

Recorded here: pytest 9.2, unittest of Python 3.11, CTest, TAP of Perl's Test::More. In the form
that documents show, with names of our own: xdist, `go test`, Meson, libtest and nextest.
"""

import pytest

from buildfeed.runner.progress.ctest import CTest
from buildfeed.runner.progress.go import Go
from buildfeed.runner.progress.meson import Meson
from buildfeed.runner.progress.pytest import PyTest
from buildfeed.runner.progress.reading import Reading
from buildfeed.runner.progress.rust_tests import RustTests
from buildfeed.runner.progress.tap import Tap
from buildfeed.runner.progress.unittest import UnitTest
from support.captured import captured, printed, readings


def test_pytest_counts_letters_and_lines() -> None:
    assert readings(PyTest(), captured("pytest.txt")) == [
        Reading(phase="collected 7 tests"),
        Reading(done=4, total=7, phase="test_a.py"),
        Reading(done=7, total=7, phase="test_b.py"),
    ]
    verbose = readings(PyTest(), captured("pytest-verbose.txt"))
    assert [(each.done, each.total) for each in verbose[1:]] == [(n, 7) for n in range(1, 8)]
    assert verbose[4].phase == "test_a.py::test_skipped"


def test_pytest_without_a_header_says_percentages() -> None:
    texts = ["tests/test_a.py ....F.s    [ 42%]", ".......    [ 84%]", "..  [100%]"]
    said = readings(PyTest(), printed(*texts))
    assert [each.percent for each in said] == [42, 84, 100]


def test_workers_of_xdist_say_what_they_did() -> None:
    texts = [
        "2 workers [4 items]",
        "[gw0] [ 25%] PASSED t.py::test_a ",
        "[gw1] [ 50%] FAILED t.py::test_b[x y] ",
        ".. [100%]",
    ]
    assert readings(PyTest(), printed(*texts)) == [
        Reading(phase="collected 4 tests"),
        Reading(done=1, total=4, phase="t.py::test_a"),
        Reading(done=2, total=4, phase="t.py::test_b[x y]"),
        Reading(done=4, total=4),
    ]


def test_pytest_counts_what_was_selected_and_in_other_styles() -> None:
    texts = ["collected 9 items / 5 deselected / 4 selected", "t.py ..", "t.py . [3/4]"]
    said = readings(PyTest(), printed(*texts))
    assert [(each.done, each.total) for each in said[1:]] == [(2, 4), (3, 4)]


def test_a_test_that_is_run_again_leaves_pytests_own_percentage() -> None:
    said = readings(PyTest(), printed("collected 4 items", "t.py .R. [ 50%]"))
    assert said[1] == Reading(percent=50, phase="t.py")


@pytest.mark.parametrize("text", ["hello [ 42%]", "....", "a.txt ...", "Loading... [ 42%] ok"])
def test_ordinary_output_is_no_result_of_pytest(text: str) -> None:
    assert readings(PyTest(), printed(text)) == []


def test_unittest_counts_without_a_total() -> None:
    said = readings(UnitTest(), captured("unittest-verbose.txt"))
    assert [each.done for each in said] == [1, 2, 3, 4]
    assert said[-1].phase == "Two is described."
    assert [each.done for each in readings(UnitTest(dots=True), captured("unittest.txt"))] == [4]
    assert readings(UnitTest(), captured("unittest.txt")) == []


def test_ctest_counts_the_tests_that_ended() -> None:
    said = readings(CTest(), captured("ctest.txt"))
    assert [(each.done, each.total, each.phase) for each in said] == [
        (None, None, "starts"),
        (1, 3, "starts"),
        (None, None, "long name with spaces"),
        (2, 3, "long name with spaces"),
        (None, None, "fails"),
        (3, 3, "fails"),
    ]


def test_tap_counts_by_its_plan() -> None:
    assert readings(Tap(), captured("tap.txt")) == [
        Reading(done=1, total=3, phase="adds"),
        Reading(done=2, total=3, phase="fails"),
        Reading(done=3, total=3),
    ]


def test_tap_counts_without_a_plan_and_leaves_subtests_out() -> None:
    texts = ["TAP version 14", "    ok 1 - inner", "    1..1", "ok 1 - outer", "1..1", "ok then"]
    said = readings(Tap(), printed(*texts))
    assert [(each.done, each.total) for each in said] == [(1, None)]
    assert readings(Tap(), printed("ok 1 - what", "ok")) == []


def test_go_counts_packages() -> None:
    said = readings(Go(), captured("go.txt"))
    assert [each.done for each in said] == [1, None, 2, 3, 4]
    events = readings(Go(), captured("go-json.txt"))
    assert events == [
        Reading(phase="example.org/shop TestPrice"),
        Reading(done=1, phase="example.org/shop"),
        Reading(done=2, phase="example.org/shop/docs"),
    ]


def test_meson_counts_the_tests_that_ended() -> None:
    texts = [" 3/12 shop / price     OK       0.02s", "12/12 web   FAIL  0.10s   exit status 1"]
    assert readings(Meson(), printed(*texts, "1/2 OK")) == [
        Reading(done=3, total=12, phase="shop / price"),
        Reading(done=12, total=12, phase="web"),
    ]


def test_tests_of_rust() -> None:
    texts = [
        "running 2 tests",
        "test tests::adds ... ok",
        "test tests::panics - should panic ... FAILED",
        "        PASS [   0.004s] (12/40) shop tests::adds",
    ]
    assert readings(RustTests(), printed(*texts)) == [
        Reading(done=1, phase="tests::adds"),
        Reading(done=2, phase="tests::panics"),
        Reading(done=12, total=40, phase="shop tests::adds"),
    ]
