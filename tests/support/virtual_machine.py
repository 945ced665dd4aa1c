"""A machine as docs/team.md finds it, in a folder: its commands are run by a real shell.

Paths of the system lie in the folder. What only a machine of one's own has is replaced by small
scripts: sudo, apt-get, useradd, setpriv, certbot (a certificate that signs itself), and systemd, of
which `systemctl` does what the unit says as far as it can be done here. The packages of Python are
those that are installed. Service, RabbitMQ, nginx, git, curl and sqlite3 are real.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from support.certificates import certificate
from support.nginx import Nginx
from support.programs import ROOT
from support.service import until

OPERATOR: Final = "olive"
"""Who types the commands."""
_PATHS: Final = re.compile(r"(?<![\w/.~}])/(?=(?:etc|opt|srv|usr/local|var)/)")
_DONE: Final = "block ended"

_SYSTEMCTL: Final = """
unit=ROOT/etc/systemd/system/buildfeed.service
said() { sed -n "s/^$1=//p" "$unit"; }
start() {
    mkdir -p -m 700 "$(said WorkingDirectory)"
    set -a
    . "$(said EnvironmentFile)"
    set +a
    cd "$(said WorkingDirectory)"
    setsid $(said ExecStart) >>ROOT/log 2>&1 </dev/null &
    echo $! >ROOT/pid
}
stop() {
    kill "$(cat ROOT/pid)"
    timeout "$(said TimeoutStopSec)" tail --pid="$(cat ROOT/pid)" -f /dev/null
    rm ROOT/pid
}
case "$*" in
"disable --now rabbitmq-server" | daemon-reload) ;;
"enable --now buildfeed" | "start buildfeed") start ;;
"stop buildfeed") stop ;;
"restart buildfeed") stop; start ;;
"reload nginx") kill -HUP "$(cat ROOT/nginx/pid)" ;;
*) echo "systemctl: $*" >&2; exit 1 ;;
esac
"""
_PROGRAMS: Final = {
    "sudo": f'SUDO_USER={OPERATOR} exec "$@"',
    "apt-get": "",
    "useradd": "",
    "setpriv": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "systemctl": _SYSTEMCTL,
    "certbot": """
        while [ "$1" != --domain ]; do shift; done
        mkdir -p "ROOT/etc/letsencrypt/live/$2"
        cp ROOT/localhost.pem "ROOT/etc/letsencrypt/live/$2/fullchain.pem"
        cp ROOT/localhost.key "ROOT/etc/letsencrypt/live/$2/privkey.pem"
    """,
    "install": """
        [ "$1" = -o ] && shift 4
        mkdir -p "$(dirname "$4")"
        exec /usr/bin/install "$@"
    """,
}
_SET_UP: Final = f"""#!/bin/sh
[ -e "{ROOT}/$1" ] || exit 1
mkdir -p .venv/bin
printf '#!/bin/sh\\nexec {sys.executable} -m buildfeed "$@"\\n' >.venv/bin/buildfeed
chmod 755 .venv/bin/buildfeed
"""


class VirtualMachine:
    """The machine in `root`; browsers reach it at `url`, by `certificate`."""

    def __init__(self, root: Path, free_port: Callable[[], int]) -> None:
        self.root = root
        self.page, self.http, self.gateway = free_port(), free_port(), free_port()
        self.url = f"https://localhost:{self.page}"
        self.certificate = certificate(root)
        self.source = root / "srv" / "buildfeed.git"
        for folder in ("bin", "nginx", "home", "etc/nginx/conf.d", "opt", "var/lib", "var/backups"):
            (root / folder).mkdir(parents=True)
        (root / "usr/local/bin").mkdir(parents=True)
        for name, script in _PROGRAMS.items():
            self._write(root / "bin" / name, f"#!/bin/sh -e\n{script}\n")
        self._nginx = Nginx(root / "nginx", self.page, f"include {root}/etc/nginx/conf.d/*.conf;")

    def __enter__(self) -> Self:
        self._make_source()
        self._nginx.__enter__()
        path = f"{self.root}/bin:{self.root}/usr/local/bin:{os.environ['PATH']}"
        environment = {
            "PATH": path,
            "HOME": str(self.root / "home"),
            "PYTHONPATH": f"{ROOT}",
            "SSL_CERT_FILE": str(self.certificate),
            "CURL_CA_BUNDLE": str(self.certificate),
            "LC_ALL": "C.UTF-8",
        }
        self._shell = subprocess.Popen(
            ["bash", "-e"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.root,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._shell.stdin:
            self._shell.stdin.close()
        self._shell.wait(10)
        self._nginx.__exit__()
        if (pid := self.root / "pid").exists():
            command = [self.root / "bin" / "systemctl", "stop", "buildfeed"]
            subprocess.run(command, check=False)
            until(lambda: not pid.exists(), "the service has ended")

    @property
    def log(self) -> str:
        """What the service wrote."""
        return (self.root / "log").read_text()

    def run(self, block: str) -> str:
        """Run a block of the page; return its output. A command that fails fails the test."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f"{self._fitted(block)}\necho\necho {_DONE}\n")
        self._shell.stdin.flush()
        said = []
        for line in self._shell.stdout:
            if line.strip() == _DONE:
                return "".join(said)
            said.append(line)
        raise AssertionError(f"{block}\nfailed:\n{''.join(said)}")

    def release(self, name: str) -> None:
        """Commit a newer version, which has one file more."""
        self._write(self.source / name, "")
        self._commit(name)

    def _make_source(self) -> None:
        """Make the repository that the machine is installed from: what the page names of it."""
        shutil.copytree(ROOT / "deploy" / "vm", self.source / "deploy" / "vm")
        for file in (self.source / "deploy" / "vm").iterdir():
            file.write_text(self._fitted(file.read_text()))
        settings = self.source / "deploy" / "vm" / "buildfeed.env"
        settings.write_text(f"{settings.read_text()}BUILDFEED_PORT={self.gateway}\n")
        proxy = self.source / "deploy" / "vm" / "nginx.conf"
        text = proxy.read_text()
        for old, new in {
            "listen 443 ssl": f"listen 127.0.0.1:{self.page} ssl",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "127.0.0.1:8000": f"127.0.0.1:{self.gateway}",
        }.items():
            assert old in text, f"deploy/vm/nginx.conf has no {old!r}"
            text = text.replace(old, new)
        proxy.write_text(text)
        (self.source / "setup").mkdir()
        self._write(self.source / "setup" / "venv.sh", _SET_UP)
        (self.source / ".gitignore").write_text(".venv\n")
        subprocess.run(["git", "init", "--quiet", self.source], check=True)
        self._commit("the first")

    def _commit(self, message: str) -> None:
        git = ["git", "-C", str(self.source), "-c", "user.name=a", "-c", "user.email=a@b.example"]
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", message], check=True)

    def _fitted(self, text: str) -> str:
        text = text.replace("HOST=builds.example ", f"HOST=localhost:{self.page} ")
        return _PATHS.sub(f"{self.root}/", text)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text.replace("ROOT", str(self.root)))
        file.chmod(0o755)
