"""At set-up, puts the one file the page takes from npm beside it: the socket.io client.

`package-lock.json` fixes its version and hash; the file itself is never committed.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "socket.io-client"
FILE = "socket.io.esm.min.js"
MANIFEST = ("package.json", "package-lock.json", ".npmrc")


class SocketIOClient(BuildHookInterface[Any]):
    """Fetches the file unless the wanted version is already there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002, hatchling calls it so
        """Run before the wheel, also an editable one, is put together."""
        root = Path(self.root)
        target = root / "web" / "vendor" / FILE
        wanted = json.loads((root / "package.json").read_text())["dependencies"][PACKAGE]
        if _is_version(target, wanted):
            return
        npm = shutil.which("npm")
        if npm is None:
            self.app.abort(
                f"The page needs {PACKAGE} {wanted} from npm, and npm is not installed: "
                "run `sudo apt-get install npm`, then try again."
            )
        with tempfile.TemporaryDirectory() as folder:
            for name in MANIFEST:
                shutil.copy(root / name, folder)
            # A cache of its own, as the one at home may be read-only.
            cache = [f"--cache={folder}/cache", "--fetch-retry-mintimeout=1000"]
            cache += ["--fetch-retry-maxtimeout=5000"]
            command = [npm, "ci", "--omit=dev", "--ignore-scripts", *cache]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603, our own command
            if done.returncode:
                self.app.abort(f"`npm ci` could not fetch {PACKAGE} {wanted}:\n{done.stderr}")
            target.parent.mkdir(exist_ok=True)
            shutil.copy(Path(folder, "node_modules", PACKAGE, "dist", FILE), target)


def _is_version(file: Path, wanted: str) -> bool:
    """Tell by the banner that the file begins with."""
    try:
        with file.open(encoding="utf-8") as text:
            return f"Socket.IO v{wanted}\n" in text.read(200)
    except FileNotFoundError:
        return False
