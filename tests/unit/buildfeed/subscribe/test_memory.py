import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from buildfeed.activity import Activity
from buildfeed.subscribe import memory as memory_module
from buildfeed.subscribe.memory import Memory, MemoryUnusable
from support.builders import accept, ending, error, log, progress, stop


def handled(memory: Memory, *activities: Activity) -> None:
    for each in activities:
        memory.keep(memory.change(each))


@pytest.fixture(params=["in a file", "in memory"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "app.memory" if request.param == "in a file" else None


def test_it_knows_what_was_handled(path: Path | None) -> None:
    with Memory(path) as memory:
        assert not memory.has(accept())
        memory.change(accept())
        assert not memory.has(accept()), "nothing is kept before the handler has returned"
        handled(memory, accept())
        assert memory.has(accept())
        assert not memory.has(accept(build="b2"))


def test_it_folds_the_states_of_builds(path: Path | None) -> None:
    with Memory(path) as memory:
        handled(memory, accept(), progress(30), progress(20), stop(progress(30)), log("x", 10))
        change = memory.change(progress(40))
    assert change.before is not None
    assert change.before.newest.object == progress(30).object
    assert change.before.stopped_by == "bob"
    assert change.build.progress == 40
    assert change.state.stopping


def test_a_file_remembers_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "app.memory"
    with Memory(path) as memory:
        handled(memory, accept(), ending("failed"))
        memory.keep_offset(7)
    with Memory(path) as memory:
        assert memory.has(ending("failed"))
        assert memory.offset == 7
        late = memory.change(progress(99))
        assert not late.changed
        assert late.build.status == "failed"


def test_no_offset_is_known_at_first(path: Path | None) -> None:
    with Memory(path) as memory:
        assert memory.offset is None


def test_it_is_bounded(path: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "MOST_IDS", 5)
    monkeypatch.setattr(memory_module, "MOST_STATES", 3)
    with Memory(path) as memory:
        for number in range(20):
            handled(memory, accept(build="old", attempt=number), accept(build=f"b{number}"))
        known = [number for number in range(20) if memory.has(accept(build=f"b{number}"))]
        assert known == [17, 18, 19]
        logs = [memory.change(log("x", 0, build=f"b{number}")) for number in range(20)]
        assert [number for number, each in enumerate(logs) if each.before] == [18, 19]
        assert memory.change(log("x", 0, build="old")).before, "it changed a moment ago"


def test_texts_that_the_state_does_not_need_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "app.memory"
    with Memory(path) as memory:
        handled(memory, structs.replace(error("x", 10), content="x" * 50_000))
    stored = sqlite3.connect(path).execute("SELECT length(newest) FROM states").fetchone()
    assert stored[0] < 2_000


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("no database" * 100), Path.mkdir])
def test_a_file_that_is_no_memory_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    path = tmp_path / "app.memory"
    spoil(path)
    with pytest.raises(MemoryUnusable) as refused:
        Memory(path)
    assert str(path) in str(refused.value)


def test_only_one_has_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "_LOCK_SECONDS", 0.05)
    path = tmp_path / "app.memory"
    with Memory(path), pytest.raises(MemoryUnusable, match="another process has it"):
        Memory(path)
    with Memory(path) as memory:
        assert memory.offset is None


def test_another_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE builds (id TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(MemoryUnusable, match="another database"):
        Memory(path)
    assert path.read_bytes() == before
