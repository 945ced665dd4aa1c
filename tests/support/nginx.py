"""A real nginx in front of a gateway."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

from support.service import until

HOST = "proxy_set_header Host $http_host;"
WEBSOCKET = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrade;"

_CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {http}
}}
"""

_LOCATION = """
map $http_upgrade $upgrade {{ default upgrade; "" ""; }}
server {{
    listen 127.0.0.1:{port};
    location / {{ {what} }}
}}
"""


class Nginx:
    """An nginx on `port`; `http` is what stands in the block of that name."""

    def __init__(self, directory: Path, port: int, http: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._directory = directory
        self._http = http

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(self) -> None:
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/bin")
        assert program, "nginx is missing: run `sudo apt-get install nginx-light`."
        configuration = self._directory / "nginx.conf"
        configuration.write_text(_CONFIGURATION.format(directory=self._directory, http=self._http))
        command = [program, "-p", str(self._directory), "-c", str(configuration)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until((self._directory / "pid").exists, "nginx listens")

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class NginxLocation(Nginx):
    """An nginx whose one location passes on to a gateway, with `directives` in it."""

    def __init__(self, directory: Path, port: int, gateway: str, directives: str) -> None:
        super().__init__(directory, port, "")
        self._port = port
        self._gateway = gateway
        self._http = self._with(directives)

    def become(self, directives: str) -> None:
        """Restart with other directives; open connections are closed."""
        self._end()
        self._http = self._with(directives)
        self._start()

    def _with(self, directives: str) -> str:
        version = "" if "proxy_http_version" in directives else "proxy_http_version 1.1;"
        what = f"proxy_pass {self._gateway}; {version} {WEBSOCKET} {directives}"
        if directives.startswith("return"):
            what = directives
        return _LOCATION.format(port=self._port, what=what)
