"""The examination: every check of every part that is named, one after the other."""

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from buildfeed.doctor import broker, certificates, database, gateway, provider, rabbitmq
from buildfeed.doctor.finding import Finding, fault, left_out
from buildfeed.doctor.management import Management
from buildfeed.doctor.places import Places
from buildfeed.doctor.unreachable import Unreachable
from buildfeed.doctor.web import Site

_LEFT_OUT: Final = "give --{option} to examine {what}."


def findings(places: Places) -> Iterator[Finding]:
    """Yield the findings, each as soon as it is known."""
    yield from _encryption(places)
    if places.management_url:
        management = Management(places.management_url, _vhost(places.amqp_url))
        yield from _told("management of RabbitMQ", rabbitmq.findings(management))
    else:
        what = "plugins, policies, limits and alarms of RabbitMQ"
        yield _absent("management of RabbitMQ", "management-url", what)
    if places.mqtt_urls:
        yield from _told("MQTT", broker.by_mqtt(places.mqtt_urls, amqp=bool(places.amqp_url)))
    else:
        yield _absent("MQTT", "mqtt-url", "logins and subscriptions")
    if places.amqp_url:
        managed = bool(places.management_url)
        found = broker.by_amqp(places.amqp_url, places.mqtt_urls, managed=managed)
        yield from _told("AMQP", found)
    else:
        yield _absent("AMQP", "amqp-url", "queues, and what each user may publish")
    if places.database_url:
        yield from _told("database", database.findings(places.database_url))
    else:
        yield _absent("database", "database-url", "the history")
    if places.url:
        yield from _told("gateway", _gateway(places.url, places.token))
    else:
        yield _absent("gateway", "url", "the gateway, or the proxy in front of it")
    if places.oidc_issuer:
        yield from _told("OpenID provider", provider.findings(places.oidc_issuer))


def _encryption(places: Places) -> Iterator[Finding]:
    """Yield what is found about the encryption of each server."""
    urls = [*places.mqtt_urls, places.amqp_url, places.management_url, places.url]
    urls.append(places.oidc_issuer)
    said: set[Finding] = set()
    for finding in (each for url in urls if url for each in certificates.findings(url)):
        if finding not in said:  # several users of one server
            yield finding
        said.add(finding)


def _gateway(url: str, token: str) -> Iterator[Finding]:
    """Yield what the gateway shows to somebody with a token, if there is one."""
    if token and not certificates.is_private(url):
        yield left_out("token", "it is not sent: it must not travel by http.")
        token = ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    yield from gateway.findings(Site(url, headers))


def _told(part: str, found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings; a part that cannot be reached is one too."""
    try:
        yield from found
    except Unreachable as exc:
        yield fault(part, f"it cannot be examined: {exc.reason}.", "Check the address.")


def _absent(part: str, option: str, what: str) -> Finding:
    return left_out(part, _LEFT_OUT.format(option=option, what=what))


def _vhost(amqp_url: str | None) -> str:
    """Return the virtual host that an AMQP URL names."""
    path = urlsplit(amqp_url).path if amqp_url else ""
    return unquote(path[1:]) or "/"
