"""The environment variables that are settings, and those that look like a misspelt one. Pure."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "BUILDFEED_"
UP: Final = "BUILDFEED_UP"
"""The variable that marks all processes of one `up`."""
SETTINGS: Final = frozenset(
    (
        *(
            "ABANDON_AFTER",
            "AMQP_URL",
            "ANONYMOUS",
            "BACKLOG_KIB",
            "BODY_SECONDS",
            "BROKER",
            "BROKER_AUTH",
        ),
        *("ABANDON_AFTER", "BROKER_AUTH_SECRET", "CONCURRENCY", "MANAGEMENT_URL"),
        *("DATABASE_URL", "DATA_DIR", "DRAIN_SECONDS", "FRAME_MS", "HEAD_SECONDS", "HOST"),
        *(
            "IDLE_SECONDS",
            "JOB",
            "KEEP_BUILDS",
            "KEEP_DAYS",
            "KEEP_LOGS_GIB",
            "KEEP_LOG_MIB",
            "LOG_LEVEL",
            "MANAGEMENT_URL",
            "MAX_ATTEMPTS",
        ),
        *("MAX_CONNECTIONS", "MAX_LAG", "MAX_PER_ADDRESS", "MAX_PER_PRINCIPAL", "MAX_SECONDS"),
        *("KILL_AFTER", "MAX_UNFINISHED", "PROJECT", "PROJECTS"),
        *("MESSAGES_PER_SECOND", "MQTTS_PORT", "MQTT_PORT", "MQTT_PUBLIC_URLS", "MQTT_URL"),
        *("MQTT_WS_PORT", "NAME", "NO_WORKER", "ORIGINS", "PORT"),
        *("OIDC_AUDIENCE", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_CLIENT_SECRET_FILE"),
        *("OIDC_GROUPS", "OIDC_GROUPS_CLAIM", "OIDC_HOURS", "OIDC_ISSUER", "OIDC_LABEL"),
        *("OIDC_NAME_CLAIM", "OIDC_SCOPES"),
        *("QUESTIONS_KIB", "RECORDER_ID", "ROOT_PATH", "SNAPSHOT_QUERIES", "STARTS_IN_ALL"),
        *("STARTS_PER_ADDRESS", "STARTS_PER_MINUTE", "STARTS_PER_PRINCIPAL", "STUCK_SECONDS"),
        *("TLS_CERT", "TLS_KEY", "TOKENS_BY_HTTP"),
        *("TOKEN", "TOKENS", "TRUSTED_PROXIES", "UNFETCHED_KIB", "URL", "WORKERS"),
    )
)
"""Of all commands, without the prefix: to ask each command would mean to import it."""

_ALIKE: Final = 0.8
"""Similarity from which one name is taken for another misspelt (difflib)."""


def misspelt(names: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each variable that is no setting, and is written much like one."""
    for name in sorted(names):
        text = name.removeprefix(PREFIX)
        if name != text and text not in SETTINGS:
            for meant in get_close_matches(text.upper(), SETTINGS, 1, _ALIKE):
                yield f"{name} is no setting and is ignored; perhaps {PREFIX}{meant} is meant."
