"""Who may import what: the rules of docs/architecture.md, read from the syntax trees."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

OURS = {
    # package: which of ours it may import
    "buildfeed": set(),
    "broker": {"buildfeed"},
    "history": {"buildfeed", "broker"},
    "fakebuild": {"buildfeed", "broker"},
    "gateway": {"buildfeed", "broker", "history"},
    "standalone": {"buildfeed", "broker", "history", "fakebuild", "gateway"},
    "examples": {"buildfeed"},
}
OURS_BESIDES = {
    # the embedded mode, where the queue is the history, is put together here
    "fakebuild/__main__.py": {"history"},
}
LIBRARIES = {
    # library: the files that may import it
    "msgspec": ["*/*.py"],
    "paho": [
        *("broker/client.py", "broker/connection.py", "broker/mqtt.py", "broker/version.py"),
        "examples/*.py",
    ],
    "pika": [
        *("broker/amqp.py", "broker/confirms.py", "broker/dead.py", "broker/delay.py"),
        *("broker/lengths.py", "broker/stream.py", "broker/topology.py"),
        *("fakebuild/amqp_queue.py", "examples/replay.py"),
    ],
    "amqtt": ["broker/embedded.py", "broker/embedded_session.py"],
    "sqlalchemy": ["history/*.py", "history/migrations/*.py", "history/migrations/versions/*.py"],
    "alembic": ["history/migrations/*.py", "history/migrations/versions/*.py"],
    "prometheus_client": ["gateway/metrics.py"],
    "socketio": ["gateway/sockets.py"],
    "engineio": ["gateway/sockets.py"],
    "starlette": ["gateway/*.py"],
    "uvicorn": ["gateway/connection.py", "gateway/server.py", "gateway/watcher_socket.py"],
    "httptools": ["gateway/connection.py"],
    "click": ["*/__main__.py", "*/options.py", "standalone/*.py"],
}
PURE = [
    "buildfeed/activity.py",
    "buildfeed/board.py",
    "buildfeed/command.py",
    "buildfeed/documents.py",
    "buildfeed/errors.py",
    "buildfeed/names.py",
    "buildfeed/presence.py",
    "buildfeed/recent.py",
    "buildfeed/schemas.py",
    "buildfeed/times.py",
    "buildfeed/topics.py",
    "broker/outbox.py",
    "broker/packets.py",
    "broker/session.py",
    "fakebuild/attempts.py",
    "fakebuild/deliveries.py",
    "fakebuild/elsewhere.py",
    "fakebuild/keeping.py",
    "fakebuild/run.py",
    "fakebuild/script.py",
    "gateway/anonymous.py",
    "gateway/backlog.py",
    "gateway/collection.py",
    "gateway/counts.py",
    "gateway/engine/frames.py",
    "gateway/engine/handshake.py",
    "gateway/engine/packets.py",
    "gateway/filters.py",
    "gateway/hosts.py",
    "gateway/hub.py",
    "gateway/live.py",
    "gateway/log_limit.py",
    "gateway/overview.py",
    "gateway/roster.py",
    "gateway/throttle.py",
    "gateway/view.py",
    "history/malformed.py",
]
IMPURE = {
    *("asyncio", "io", "logging", "os", "pathlib", "queue", "random", "secrets", "select"),
    *("selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys"),
    *("tempfile", "threading", "time", "uuid"),
}

FILES = sorted(
    str(path.relative_to(ROOT)) for package in OURS for path in (ROOT / package).rglob("*.py")
)


def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


def imports(file: str) -> set[str]:
    """The modules that a file imports, anywhere in it, by their full names."""
    found = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{file}: relative import"
            assert node.level == 0, f"{file}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(file: str) -> set[str]:
    return {module.partition(".")[0] for module in imports(file)}


def test_packages_of_ours_import_only_those_they_may() -> None:
    wrong = {}
    for file in FILES:
        package = file.partition("/")[0]
        allowed = OURS[package] | OURS_BESIDES.get(file, set()) | {package}
        wrong[file] = packages(file) & OURS.keys() - allowed
    assert not {file: extra for file, extra in wrong.items() if extra}


def test_a_library_is_imported_only_where_it_belongs() -> None:
    wrong = [
        f"{file} imports {library}"
        for file in FILES
        for library in packages(file) - OURS.keys() - sys.stdlib_module_names
        if not any(Path(file).match(pattern) for pattern in LIBRARIES.get(library, ()))
    ]
    assert not wrong


def test_the_vocabulary_needs_msgspec_and_nothing_else() -> None:
    files = [file for file in FILES if file.startswith("buildfeed/")]
    needed = set().union(*map(packages, files)) - {"buildfeed"} - sys.stdlib_module_names
    assert needed == {"msgspec"}


@pytest.mark.parametrize("file", PURE)
def test_a_pure_module_does_no_io_and_takes_time_and_randomness_from_outside(file: str) -> None:
    assert not packages(file) & IMPURE
    assert packages(file) - OURS.keys() - sys.stdlib_module_names <= {"msgspec"}
    clock = {"now", "utcnow", "today"}
    calls = [node.func for node in ast.walk(tree(file)) if isinstance(node, ast.Call)]
    assert not [
        call
        for call in calls
        if isinstance(call, ast.Attribute)
        and call.attr in clock
        and isinstance(call.value, ast.Name)
        and call.value.id in ("datetime", "date")
    ]


@pytest.mark.parametrize("file", PURE)
def test_a_pure_module_imports_only_pure_modules_of_ours(file: str) -> None:
    ours = {module.replace(".", "/") + ".py" for module in imports(file)} & set(FILES)
    assert ours <= set(PURE)


def test_every_file_of_the_tables_exists() -> None:
    patterns = [pattern for patterns in LIBRARIES.values() for pattern in patterns]
    for pattern in [*PURE, *OURS_BESIDES, *patterns]:
        assert any(Path(file).match(pattern) for file in FILES), pattern
