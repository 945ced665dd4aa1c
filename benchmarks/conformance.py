"""Runs the test suites of the Engine.IO and Socket.IO protocols against the gateway's engine.

The suites are those of the Socket.IO project, MIT licence: clone socketio/engine.io-protocol and
socketio/socket.io-protocol from GitHub into one directory, and run `npm ci` in the `test-suite`
of both. Fails when a test fails with the gateway.
usage: python benchmarks/conformance.py DIRECTORY
"""

import contextlib
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE.parent)]

from buildfeed.broker.local import ports  # noqa: E402

SUITES = {"engine": "engine.io-protocol", "socket": "socket.io-protocol"}


@contextlib.contextmanager
def running(server: str, suite: str) -> Iterator[int]:
    """Run a server that echoes; yield its port."""
    port = ports.free_block(1, secrets.randbelow(100_000))
    command = [sys.executable, HERE / "conformance_server.py", str(port), server, suite]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError):
                socket.create_connection(("localhost", port)).close()
                break
            time.sleep(0.05)
        yield port or 0
    finally:
        process.kill()
        process.wait()


def outcome(folder: Path, port: int) -> dict[str, str]:
    """Run the suite in `folder`; return why each test failed, an empty text for one that passed."""
    text = (folder / "test-suite.js").read_text()
    ours = folder / "test-suite-here.js"
    text = text.replace("localhost:3000", f"localhost:{port}").replace("/engine.io/", "/socket.io/")
    ours.write_text(text)
    command = ["node", "node_modules/mocha/bin/mocha", "--reporter", "json", "--exit", ours.name]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    ours.unlink()
    found = json.loads(run.stdout[run.stdout.index("{") :])
    return {test["fullTitle"]: test["err"].get("message", "") for test in found["tests"]}


def passes(found: dict[str, str]) -> str:
    """Return how many pass of how many."""
    return f"{list(found.values()).count('')} of {len(found)}"


def main(directory: str) -> None:
    """Run both suites against both servers."""
    failed = 0
    for suite, name in SUITES.items():
        for server in ("stock", "gateway"):
            with running(server, suite) as port:
                found = outcome(Path(directory) / name / "test-suite", port)
            print(f"{name}, {server}: {passes(found)}")
            for title, message in found.items():
                if message:
                    print(f"    {title}: {message.splitlines()[0]}")
                    failed += server == "gateway"
    sys.exit(failed)


if __name__ == "__main__":
    main(*sys.argv[1:])
