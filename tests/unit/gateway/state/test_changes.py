"""Whether a watcher that comes back has missed a change."""

import pytest

from buildfeed.selection import Selection
from buildfeed.topics import Filter
from gateway.state import changes
from gateway.state.changes import Changes

ALL = Selection(everything=True)


def of(filter_: str) -> Selection:
    return Selection.of([Filter.parse(filter_)])


def test_nothing_has_changed_since_the_last_change() -> None:
    seen = Changes()
    assert seen.none_since(0, ALL)
    seen.add(("acme", "b1"))
    assert seen.none_since(seen.number, ALL)
    assert not seen.none_since(seen.number - 1, ALL)


def test_only_builds_of_the_selection_count() -> None:
    seen = Changes()
    before = seen.number
    seen.add(("acme", "b1"))
    assert not seen.none_since(before, of("builds/acme/#"))
    assert not seen.none_since(before, of("builds/acme/b1/status"))
    assert seen.none_since(before, of("builds/acme/b2/#"))
    assert seen.none_since(before, of("builds/other/#"))


def test_the_last_change_of_a_build_counts() -> None:
    seen = Changes()
    seen.add(("acme", "b1"))
    between = seen.number
    seen.add(("other", "b2"))
    assert seen.none_since(between, of("builds/acme/#"))
    seen.add(("acme", "b1"))
    assert not seen.none_since(between, of("builds/acme/#"))


def test_a_number_that_never_was_is_not_believed() -> None:
    assert not Changes().none_since(1, ALL)


def test_what_is_forgotten_may_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST", 2)
    seen = Changes()
    for build in ("b1", "b2", "b3"):
        seen.add(("acme", build))
    assert not seen.none_since(0, of("builds/other/#"))
    assert seen.none_since(1, of("builds/other/#"))
    assert not seen.none_since(1, of("builds/acme/b2/#"))
