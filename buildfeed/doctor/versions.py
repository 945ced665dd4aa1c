"""Verdicts on the version of RabbitMQ. Pure."""

import re
from typing import Final

from buildfeed.doctor.finding import Finding, fault, ok, warning

_OLDEST: Final = 3, 10
_MQTT_5: Final = 3, 13
_BOOTS_WITH_STREAMS: Final = 4, 1
_SUBJECT: Final = "RabbitMQ's version"


def verdict(version: str) -> Finding:
    """Return the finding about a version, such as `4.3.5`."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if not found:
        return warning(_SUBJECT, f"{version[:40]!r} is no number.", "Tested are 3.10 and newer.")
    number = int(found[1]), int(found[2])
    if number < _OLDEST:
        return fault(_SUBJECT, f"{version} is too old.", "Install 3.10 or newer, best the newest.")
    if number < _MQTT_5:
        return warning(
            _SUBJECT,
            f"{version} has no MQTT 5, does not say why it refuses, has no limit for a packet, and "
            "keeps much of what waits in memory.",
            "Allow few queues (max-queues), or install 4.",
        )
    if _MQTT_5 < number < _BOOTS_WITH_STREAMS:
        return warning(
            _SUBJECT,
            f"{version} does not boot every second time if a definitions file has a binding to a "
            "stream.",
            "Keep builds.stream out of the file (the gateway declares it), or install a newer one.",
        )
    return ok(_SUBJECT, f"{version}.")
