"""Who may import what: the rules of docs/architecture.md, read from the syntax trees.

A room is a folder; a file of its own in `ROOMS` is a room by itself.
"""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.packages import PACKAGES, ROOT

VOCABULARY = "buildfeed"
MQTT, AMQP, LOCAL = "buildfeed/broker/mqtt", "buildfeed/broker/amqp", "buildfeed/broker/local"
BROKERS = {"buildfeed/broker", MQTT, AMQP, LOCAL}
HISTORY = "buildfeed/history"
LISTENERS = "buildfeed/listeners.py"
WORKER = {"buildfeed/worker", "buildfeed/worker/queues", "buildfeed/worker/handoff"}
LOW = "gateway"
"""The files at the top of `gateway` that every room of it may use: they import no room."""
STATE, ACCESS, ENGINE = "gateway/state", "gateway/access", "gateway/engine"
OIDC, OIDC_SETTINGS = "gateway/oidc", "gateway/oidc/settings.py"
QUERIES, COMMANDS = "gateway/queries", "gateway/commands"

MACHINE = "buildfeed/machine"
RUNNER, LINES = "buildfeed/runner", "buildfeed/runner/lines.py"
SUBSCRIBE = "buildfeed/subscribe"

EVERYTHING = {"everything"}
ROOMS = {
    # room: the rooms that it may import; all but the first may import the vocabulary besides
    VOCABULARY: set(),
    "buildfeed/broker": set(),
    MQTT: {"buildfeed/broker"},
    AMQP: set(),
    LISTENERS: set(),
    MACHINE: set(),
    LOCAL: {"buildfeed/broker", MQTT, AMQP, LISTENERS, MACHINE},
    HISTORY: {*BROKERS - {LOCAL}, MACHINE},
    "buildfeed/history/migrations": {HISTORY},
    "buildfeed/history/migrations/versions": set(),
    "buildfeed/worker": {MQTT, *WORKER},
    "buildfeed/worker/queues": {MQTT, AMQP},
    "buildfeed/worker/handoff": {MQTT, *WORKER},
    LINES: set(),
    f"{RUNNER}/errors": {LINES},
    f"{RUNNER}/progress": {LINES},
    RUNNER: {LINES, f"{RUNNER}/errors", f"{RUNNER}/progress", MACHINE},
    "buildfeed/projects": {
        *("buildfeed/worker", "buildfeed/worker/options.py", "buildfeed/worker/service.py"),
        *(RUNNER, f"{RUNNER}/progress", "buildfeed/broker"),
    },
    "buildfeed/doctor": {MQTT, AMQP, HISTORY, LISTENERS},
    SUBSCRIBE: {"buildfeed/broker", MQTT, AMQP},
    "buildfeed/terminal": {"buildfeed/doctor"},
    "buildfeed/cli": EVERYTHING,
    "buildfeed/__main__.py": {"buildfeed/cli"},
    "buildfeed/worker/options.py": {"buildfeed/worker", "buildfeed/broker", HISTORY},
    "buildfeed/worker/service.py": {*WORKER, HISTORY, MACHINE},
    "fakebuild": {"buildfeed/worker", "buildfeed/worker/options.py", "buildfeed/worker/service.py"},
    LOW: {ACCESS, OIDC_SETTINGS},
    ACCESS: {LOW, HISTORY},
    ENGINE: {LOW},
    STATE: set(),
    "gateway/sources": {STATE, MQTT, HISTORY, LOW},
    QUERIES: {STATE, HISTORY, LOW},
    COMMANDS: {QUERIES, STATE, HISTORY, MQTT, AMQP, LOW},
    "gateway/broker_auth": {ACCESS, HISTORY, LISTENERS, LOW, "buildfeed/broker"},
    OIDC_SETTINGS: set(),
    OIDC: {OIDC_SETTINGS, ACCESS, LOW},
    "gateway/http": {COMMANDS, QUERIES, STATE, ACCESS, LOW, HISTORY, OIDC},
    "gateway/transports": {QUERIES, STATE, ENGINE, ACCESS, LOW},
    "gateway/asyncapi": {"gateway/http", "buildfeed/broker", ACCESS, AMQP, HISTORY},
    "gateway/operations": {STATE, ACCESS, AMQP, LOW, "gateway/http"},
    "gateway/app.py": EVERYTHING,
    "gateway/options.py": {LOW, ACCESS, HISTORY, OIDC_SETTINGS},
    "gateway/server.py": {"gateway/app.py", LOW, "gateway/operations", LISTENERS, MACHINE},
    "gateway/__main__.py": EVERYTHING,
    "examples": {SUBSCRIBE},
}
LIBRARIES = {
    # library: the files that may import it
    "msgspec": ["*/*.py"],
    "paho": [
        *(f"{MQTT}/{name}.py" for name in ("client", "connection", "link", "version")),
        *(f"buildfeed/doctor/{name}.py" for name in ("mqtt_session", "permissions")),
        "examples/*.py",
    ],
    "pika": [
        *(f"{AMQP}/*.py", "buildfeed/worker/queues/amqp.py"),
        *("buildfeed/doctor/amqp_trial.py", "examples/replay.py"),
        *(f"{SUBSCRIBE}/{name}.py" for name in ("amqp", "queue", "stream")),
    ],
    "amqtt": [f"{LOCAL}/embedded{part}.py" for part in ("", "_session", "_stream")],
    "websockets": [f"{LOCAL}/embedded_web_socket.py"],
    "sqlalchemy": [
        *(f"{HISTORY}/*.py", f"{HISTORY}/migrations/*.py", "migrations/versions/*.py"),
        "buildfeed/doctor/database.py",
    ],
    "alembic": [f"{HISTORY}/migrations/*.py", "migrations/versions/*.py"],
    "prometheus_client": ["gateway/operations/metrics.py"],
    "socketio": [f"{ENGINE}/packets.py", f"{ENGINE}/socket_io.py"],
    "starlette": [
        *(
            "gateway/server.py",
            "gateway/app.py",
            "gateway/problems.py",
            "gateway/http_connection.py",
            "gateway/http/*.py",
        ),
        *("gateway/transports/*.py", "gateway/operations/*routes.py"),
    ],
    "uvicorn": [
        "gateway/http/until_closed.py",
        *("gateway/server.py", "gateway/http/protocol.py", "gateway/transports/websocket.py"),
    ],
    "joserfc": [f"{OIDC}/jwt.py"],
    "httpx": [f"{OIDC}/provider.py"],
    "rich": ["buildfeed/terminal/bars.py"],
    "idna": ["gateway/options.py"],
    "httptools": ["gateway/http/protocol.py", "gateway/http/heads.py"],
    "uvloop": ["gateway/http/listener.py"],
    "click": ["*/__main__.py", "*/options.py", "buildfeed/cli/*.py"],
}
PURE = [
    *(f"buildfeed/{name}.py" for name in ("activity", "board", "check", "command", "documents")),
    *(f"buildfeed/{name}.py" for name in ("errors", "grants", "json_texts", "names", "presence")),
    "buildfeed/left_out.py",
    *(f"buildfeed/{name}.py" for name in ("recent", "schemas", "secret_kinds", "selection")),
    *(f"buildfeed/{name}.py" for name in ("text", "times")),
    *(f"buildfeed/{name}.py" for name in ("topics", "unique_name")),
    *(f"{MQTT}/{name}.py" for name in ("outbox", "packets", "reading_pace", "session")),
    "buildfeed/broker/permissions.py",
    "gateway/http/bundle.py",
    "buildfeed/broker/local/users.py",
    "buildfeed/cli/variables.py",
    *(f"buildfeed/doctor/{name}.py" for name in ("clocks", "finding", "places", "versions")),
    *(f"{HISTORY}/{name}.py" for name in ("kept_output", "malformed", "pieces", "silence")),
    *(f"buildfeed/worker/{name}.py" for name in ("attempt", "limits", "runner", "settings")),
    *(f"buildfeed/worker/queues/{name}.py" for name in ("queue", "elsewhere")),
    "buildfeed/worker/handoff/kept_starts.py",
    *(f"{RUNNER}/{name}.py" for name in ("lines", "masking", "output", "secret_values")),
    *(f"{RUNNER}/{name}.py" for name in ("jobs", "output_reader", "progress_lines", "report")),
    f"{RUNNER}/short_text.py",
    *("buildfeed/projects/refusal.py", "buildfeed/projects/steps.py"),
    *(
        str(path.relative_to(ROOT))
        for folder in ("errors", "progress")
        for path in (ROOT / RUNNER / folder).glob("[!_]*.py")
    ),
    *(f"{SUBSCRIBE}/{name}.py" for name in ("address", "change", "retries")),
    *(f"buildfeed/terminal/{name}.py" for name in ("output_order", "picture", "safe_text")),
    *(f"buildfeed/terminal/{name}.py" for name in ("sentence", "wanted")),
    *("fakebuild/runner.py", "fakebuild/script.py"),
    *(f"gateway/{name}.py" for name in ("accept", "broker_address", "log_limit", "problem_page")),
    "gateway/rate_limit.py",
    "gateway/commands/requests.py",
    *(f"gateway/queries/{name}.py" for name in ("listing", "output_text", "snapshot_page")),
    *(f"gateway/access/{name}.py" for name in ("anonymous", "connection_limit")),
    *(f"gateway/access/{name}.py" for name in ("credentials", "hosts", "paths", "proxies")),
    *("gateway/access/identity.py", "gateway/access/token_entries.py"),
    *(f"{OIDC}/{name}.py" for name in ("claims", "code_flow", "settings")),
    "gateway/broker_auth/questions.py",
    *(f"gateway/engine/{name}.py" for name in ("frames", "handshake", "limits", "packets")),
    *("gateway/asyncapi/events.py", "gateway/asyncapi/parts.py"),
    *(f"gateway/http/{name}.py" for name in ("answer_headers", "answers", "badge", "collection")),
    *("gateway/http/byte_ranges.py", "gateway/http/short_requests.py"),
    *(f"gateway/state/{name}.py" for name in ("changes", "counters", "event", "event_bodies")),
    "gateway/operations/processes.py",
    "gateway/state/crew.py",
    *(
        f"gateway/state/{name}.py"
        for name in ("durations", "hub", "live", "offers", "overview", "places")
    ),
    *(f"gateway/state/{name}.py" for name in ("recorder_lag", "roster")),
    *(f"gateway/transports/{name}.py" for name in ("backlog", "batch", "event_ids", "pacing")),
]
IMPURE = {
    *("asyncio", "io", "logging", "os", "pathlib", "queue", "random", "secrets", "select"),
    *("selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys"),
    *("tempfile", "threading", "time", "uuid"),
}

OURS = (*PACKAGES, "examples")
FILES = sorted(
    str(path.relative_to(ROOT)) for package in OURS for path in (ROOT / package).rglob("*.py")
)


def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


def imports(file: str, *, late: bool = True) -> set[str]:
    """The modules that a file imports, by their full names; without `late` only at its top."""
    found = set()
    nodes = ast.walk(tree(file)) if late else tree(file).body
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{file}: relative import"
            assert node.level == 0, f"{file}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(file: str) -> set[str]:
    return {module.partition(".")[0] for module in imports(file)}


def ours(file: str, *, late: bool = True) -> set[str]:
    """The files of ours that a file imports."""
    paths = {module.replace(".", "/") for module in imports(file, late=late)}
    return {f"{path}.py" for path in paths} & set(FILES)


def room(file: str) -> str:
    return file if file in ROOMS else str(Path(file).parent)


def test_every_folder_is_a_room() -> None:
    assert {room(file) for file in FILES} == set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_the_rooms_it_may(name: str) -> None:
    allowed = ROOMS[name] | {name, VOCABULARY}
    wrong = {
        file: sorted(each for each in ours(file) if room(each) not in allowed)
        for file in FILES
        if room(file) == name and allowed.isdisjoint(EVERYTHING)
    }
    assert not {file: extra for file, extra in wrong.items() if extra}


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {file: ours(file, late=False) - {file} for file in FILES}
    while free := [file for file, needed in left.items() if not needed & left.keys()]:
        for file in free:
            del left[file]
    assert not left


def test_a_library_is_imported_only_where_it_belongs() -> None:
    wrong = [
        f"{file} imports {library}"
        for file in FILES
        for library in packages(file) - set(OURS) - sys.stdlib_module_names
        if not any(Path(file).match(pattern) for pattern in LIBRARIES.get(library, ()))
    ]
    assert not wrong


def test_the_vocabulary_needs_msgspec_and_loads_nothing_else() -> None:
    vocabulary = [file for file in FILES if room(file) == VOCABULARY]
    names = [file.removesuffix(".py").replace("/", ".") for file in vocabulary]
    names = [name.removesuffix(".__init__") for name in names]
    program = (
        "import sys, msgspec.json; before = set(sys.modules);"
        f"import {', '.join(names)};"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(*loaded - sys.stdlib_module_names);"
        "print(*(name for name in sys.modules if name.startswith('buildfeed')))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    foreign, mine = (set(line.split()) for line in done.stdout.splitlines())
    assert foreign == {"buildfeed"}
    assert mine == set(names)


BENCHMARKS = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "benchmarks/browser").glob("*.py")]


@pytest.mark.parametrize("file", sorted(BENCHMARKS), ids=lambda f: f.name)
def test_a_benchmark_imports_what_there_is(file: Path) -> None:
    places = [ROOT, ROOT / "tests", ROOT / "benchmarks"]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            path = node.module.replace(".", "/")
            ours_ = any((p / f"{path}.py").exists() or (p / path).is_dir() for p in places)
            foreign = node.module.partition(".")[0] not in (*OURS, "support")
            assert ours_ or (foreign and find_spec(node.module)), node.module


@pytest.mark.parametrize("file", PURE)
def test_a_pure_module_does_no_io_and_takes_time_and_randomness_from_outside(file: str) -> None:
    assert not packages(file) & IMPURE
    assert packages(file) - set(OURS) - sys.stdlib_module_names <= {"msgspec", "socketio"}
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
    assert ours(file) <= set(PURE)


def test_a_module_that_says_it_is_pure_is_held_to_it() -> None:
    says = {file for file in FILES if "Pure" in (ast.get_docstring(tree(file)) or "")}
    packages_ = {file for file in says if file.endswith("__init__.py")}
    assert says - packages_ <= set(PURE)


def test_every_file_of_the_tables_exists() -> None:
    patterns = [pattern for patterns in LIBRARIES.values() for pattern in patterns]
    for pattern in [*PURE, *patterns]:
        assert any(Path(file).match(pattern) for file in FILES), pattern
