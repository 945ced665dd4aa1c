"""A real HAProxy in front of a gateway."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

from buildfeed.broker.local import ports
from support.service import until


class HAProxy:
    """A HAProxy with this configuration, which listens on `port`."""

    def __init__(self, directory: Path, port: int, configuration: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._file = directory / "haproxy.cfg"
        self._file.write_text(configuration)

    def __enter__(self) -> Self:
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/bin")
        assert program, "HAProxy is missing: run `sudo apt-get install haproxy`."
        command = [program, "-db", "-f", str(self._file)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until(lambda: ports.accepts(self._port), "HAProxy listens")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
