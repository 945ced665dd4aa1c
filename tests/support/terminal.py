"""`buildfeed` commands that end by themselves, as somebody types them beside a service."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class Terminal:
    """Commands with the data folder, and so the history, of a service."""

    def __init__(self, folder: Path) -> None:
        own = {k: v for k, v in os.environ.items() if not k.startswith("BUILDFEED_")}
        self._environment = own | {"BUILDFEED_DATA_DIR": str(folder)}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "buildfeed", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def says(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, name: str, *grants: str) -> str:
        """Make a token; return its secret."""
        return self.says("token", "add", name, *grants).split()[0]

    def audit(self) -> list[dict[str, Any]]:
        """Return what the audit has recorded."""
        return [json.loads(line) for line in self.says("audit", "--json").splitlines()]
