"""A real OpenID provider (npm's oidc-provider) as a process, whose keys are new at each start."""

import json
import select
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlencode

from support.packages import ROOT
from support.service import HTTP, until

_READY_SECONDS = 15

SECRET = "a secret: +/%"
PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"groups": ["dev"]},
    "bob": {"buildfeed": ["viewer@acme"]},
    "eve": {"groups": ["sales"]},
    "mail": {"preferred_username": "mail.b@c.example", "groups": ["dev"]},
}
"""Who can sign in, and what the provider says of each."""


class OpenIdProvider:
    """Serves at a port of the loopback, which it calls by the name `host`."""

    def __init__(self, port: int, redirects: Sequence[str] = (), host: str = "localhost") -> None:
        self.port = port
        self.issuer = f"http://{host}:{port}"
        self._redirects = redirects
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        node = shutil.which("node")
        assert node, "Node is missing: run `sudo apt-get install npm`."
        installed = (ROOT / "node_modules/oidc-provider").is_dir()
        assert installed, "oidc-provider is missing: run `make node_modules`."
        told = {
            "port": self.port,
            "issuer": self.issuer,
            "redirects": [*self._redirects],
            "people": PEOPLE,
        }
        script = ROOT / "tests/support/openid_provider.mjs"
        until(
            lambda: self._serves([node, str(script), json.dumps(told)]),
            "its port is free",
            3 * _READY_SECONDS,
        )

    def _serves(self, command: Sequence[str]) -> bool:
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        said = self._process.stdout
        assert said
        # Once in many runs Node said nothing for two minutes, and did not end.
        if select.select([said], [], [], _READY_SECONDS)[0] and said.readline() == b"ready\n":
            return True
        self.stop()
        return False

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def token(self, name: str = "robot", *grants: str, **asked: object) -> str:
        """Return a bearer token of a program; `ttl`, `alg` and `aud` may be asked for."""
        query = [("name", name), *(("grant", each) for each in grants), *asked.items()]
        form = {"grant_type": "client_credentials", "resource": f"urn:buildfeed?{urlencode(query)}"}
        url = f"http://127.0.0.1:{self.port}/token"
        answer = HTTP.post(url, data=form, auth=("robot", "secret"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])
