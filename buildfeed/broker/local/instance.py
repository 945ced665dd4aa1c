"""The configuration of a private RabbitMQ: environment, files, definitions. No I/O.

RabbitMQ and Erlang take some characters of a path for syntax: `#` and `'` in `rabbitmq.conf`,
spaces in scripts, `{` and `*` where they look for files. So the broker runs in its directory and is
told `HERE`, which is a path without any of them, whatever the directory is called.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from buildfeed.broker.amqp.topology import (
    SESSION_POLICY,
    SUBSCRIBER_PERMISSIONS,
    SUBSCRIBER_TOPICS,
    TOKEN_POLICY,
    queue_limit,
)
from buildfeed.broker.local.listener import WEB_SOCKET_PATH
from buildfeed.broker.local.ports import LOOPBACK
from buildfeed.broker.local.users import User

_NODE_NAME: Final = (
    "buildfeed@localhost"  # part of the names of its files; each instance has its own epmd
)
_LISTENERS: Final = ("amqp", "mqtt", "dist", "epmd", "management", "web_mqtt")

BLOCK: Final = len(_LISTENERS) + 1
"""Number of ports of one instance, which are in a row; at the last one it asks about logins."""

HERE: Final = "/proc/self/cwd"
"""The working directory of the process that reads it (proc(5))."""

_NAMES: Final = '{lookup, [file, native]}.\n{host, {127,0,0,1}, ["localhost"]}.\n'
"""Where Erlang finds names (ERL_INETRC): `localhost` also where /etc/hosts lacks it."""

LOOPBACK_ONLY: Final = "-kernel inet_dist_use_interface {127,0,0,1}"
"""Arguments for Erlang: its distribution listens on loopback."""

PLUGINS: Final = (
    *("rabbitmq_auth_backend_cache", "rabbitmq_auth_backend_http"),
    *("rabbitmq_management", "rabbitmq_mqtt", "rabbitmq_web_mqtt"),
)

LOGIN_SETTINGS: Final = (
    "auth_backends.1 = internal",
    "auth_backends.2 = cache",
    "auth_cache.cached_backend = http",
    "auth_cache.cache_ttl = 1000",
    "auth_http.http_method = post",
)
"""Our own users first, so that services need no gateway; then that is asked, and its answers are
remembered for a second, as RabbitMQ asks some questions twice. By POST, as no token must be in an
address."""

WEB_SOCKET_SETTINGS: Final = (
    f"web_mqtt.ws_path = {WEB_SOCKET_PATH}",
    "web_mqtt.ws_opts.idle_timeout = 3600000",
)
"""MQTT has pings of its own, every minute or less often: a WebSocket need not end before one, as it
may by RabbitMQ's default of a minute."""

_MAX_QUEUES: Final = 1000
"""Queues of one instance; each MQTT session has one or two."""

_MAX_MESSAGE_BYTES: Final = 512 * 1024
"""Largest message: a presence has up to 256 KiB. RabbitMQ before 3.13 applies it to AMQP only."""

_READER_LIMITS: Final = {"max-connections": 100, "max-channels": 200}


class Instance(msgspec.Struct, frozen=True):
    """A RabbitMQ that keeps everything in `directory` and takes its ports from `base` on.

    `base` is 0 until it is chosen.
    """

    directory: Path
    base: int = 0

    def at(self, base: int) -> Self:
        """Return the same instance with ports from `base` on."""
        return msgspec.structs.replace(self, base=base)

    def port(self, listener: str) -> int:
        """Return the port of a listener: `dist` is that of Erlang's distribution."""
        return self.base + _LISTENERS.index(listener)

    @property
    def ports(self) -> dict[str, int]:
        """The ports by the names of their listeners, as in `port`."""
        return {listener: self.port(listener) for listener in _LISTENERS}

    @property
    def broker_auth(self) -> str:
        """HOST:PORT of the gateway's listener, where it asks about those who log in by a token."""
        return f"{LOOPBACK}:{self.base + BLOCK - 1}"

    @property
    def mark(self) -> str:
        """The variable, NAME=value, that is in the environment of its own processes only."""
        return f"BUILDFEED_RABBITMQ={self.directory}"

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the broker, which has to run in its directory."""
        name, _, value = self.mark.partition("=")
        return {
            name: value,
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": f"{HERE}/home",
            "RABBITMQ_NODENAME": _NODE_NAME,
            "RABBITMQ_MNESIA_BASE": f"{HERE}/mnesia",
            "RABBITMQ_LOG_BASE": f"{HERE}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{HERE}/enabled_plugins",
            # All four: else it also reads the configuration of the system's RabbitMQ, in /etc.
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": f"{HERE}/rabbitmq.conf",
            "RABBITMQ_CONFIG_FILES": f"{HERE}/conf.d",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{HERE}/advanced.config",
            "RABBITMQ_DIST_PORT": str(self.port("dist")),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": LOOPBACK_ONLY,
            "ERL_INETRC": f"{HERE}/inetrc",
            "ERL_EPMD_PORT": str(self.port("epmd")),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            # With this the start script becomes the broker (exec) and does not wait beside it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def files(
        self, version: tuple[int, int], users: Sequence[User], salt: bytes, secret: str
    ) -> dict[str, str]:
        """Return its configuration files, text by name.

        `salt` is 4 random bytes, and `secret` in the paths of what it asks about logins.
        """
        return {
            "rabbitmq.conf": self._settings(version, secret),
            "enabled_plugins": f"[{','.join(PLUGINS)}].\n",
            "inetrc": _NAMES,
            "definitions.json": json.dumps(_definitions(users, salt), indent=1),
        }

    def _settings(self, version: tuple[int, int], secret: str) -> str:
        # RabbitMQ does not boot with an unknown key, so each version gets those that it knows.
        if version >= (3, 13):
            of_version = [
                "mqtt.max_session_expiry_interval_seconds = 604800",
                # 4.3.6 does not boot if it is over max_message_size, and by default it is.
                f"mqtt.max_packet_size_authenticated = {_MAX_MESSAGE_BYTES}",
            ]
        else:
            of_version = ["mqtt.subscription_ttl = 604800000"]
        settings = [
            f"listeners.tcp.1 = {LOOPBACK}:{self.port('amqp')}",
            f"mqtt.listeners.tcp.1 = {LOOPBACK}:{self.port('mqtt')}",
            f"web_mqtt.tcp.ip = {LOOPBACK}",
            f"web_mqtt.tcp.port = {self.port('web_mqtt')}",
            *WEB_SOCKET_SETTINGS,
            f"web_mqtt.ws_opts.max_frame_size = {_MAX_MESSAGE_BYTES}",
            f"management.tcp.ip = {LOOPBACK}",
            f"management.tcp.port = {self.port('management')}",
            *LOGIN_SETTINGS,
            *paths(self.broker_auth, secret),
            "mqtt.allow_anonymous = false",
            "mqtt.prefetch = 1000",
            *of_version,
            "consumer_timeout = 86400000",
            f"max_message_size = {_MAX_MESSAGE_BYTES}",
            f"load_definitions = {HERE}/definitions.json",
        ]
        return "\n".join(settings) + "\n"


def paths(address: str, secret: str) -> list[str]:
    """Return the settings that say where RabbitMQ asks its four questions."""
    return [
        f"auth_http.{subject}_path = http://{address}/{secret}/{subject}"
        for subject in ("user", "vhost", "resource", "topic")
    ]


def _definitions(users: Sequence[User], salt: bytes) -> dict[str, object]:
    """Return the definitions that every boot imports; with them no user `guest` is made."""
    readers = [user.name for user in users if user.reads_only]
    return {
        "users": [_login(user, salt) for user in users],
        "vhosts": [{"name": "/"}],
        "permissions": [_permissions(user) for user in users],
        "topic_permissions": [
            {"user": reader, "vhost": "/", **SUBSCRIBER_TOPICS} for reader in readers
        ],
        "policies": [SESSION_POLICY, TOKEN_POLICY],
        "parameters": [queue_limit(_MAX_QUEUES)],
    }


def _login(user: User, salt: bytes) -> dict[str, object]:
    hashed = salt + hashlib.sha256(salt + user.password.encode()).digest()
    return {
        "name": user.name,
        "password_hash": base64.b64encode(hashed).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [] if user.reads_only else ["administrator"],
        "limits": _READER_LIMITS if user.reads_only else {},
    }


def _permissions(user: User) -> dict[str, str]:
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    granted = SUBSCRIBER_PERMISSIONS if user.reads_only else everything
    return {"user": user.name, "vhost": "/", **granted}
