"""The command line options of an OpenID provider, which `buildfeed gateway` and `up` share."""

import re
from collections.abc import Callable, MutableMapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from buildfeed.errors import InvalidGrant
from buildfeed.grants import Grants
from gateway.access.anonymous import is_loopback
from gateway.oidc.settings import Oidc

Command = TypeVar("Command", bound=Callable[..., Any])

VARIABLE: Final = "BUILDFEED_OIDC_"
_LIBRARIES: Final = "httpx", "joserfc"
_MOST_SECRET_BYTES: Final = 4096
_MOST_LABEL: Final = 60
_BETWEEN_GROUPS: Final = ";"
_SCOPES: Final = re.compile(r"openid( [!#-\[\]-~]+)*|([!#-\[\]-~]+ )+openid( [!#-\[\]-~]+)*")


def oidc(command: Command) -> Command:
    """Add the options of a provider, given to the command by names that begin with `oidc_`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken(given: MutableMapping[str, Any]) -> Oidc | None:
    """Take the options of a provider out of those that are `given`; None if it has none.

    Raises click.UsageError, one sentence of advice, where they do not fit together.
    """
    own = {name: given.pop(name) for name in [*given] if name.startswith("oidc_")}
    file: Path | None = own.pop("oidc_client_secret_file")
    if not own["oidc_issuer"]:
        if own["oidc_client_id"] or own["oidc_groups"] or file:
            raise click.UsageError("An OpenID provider needs its address: say --oidc-issuer too.")
        return None
    if not own["oidc_client_id"]:
        raise click.UsageError(
            "The provider of --oidc-issuer knows Buildfeed by an id: say --oidc-client-id too."
        )
    if not all(map(find_spec, _LIBRARIES)):
        raise click.UsageError(
            "What an OpenID provider needs is not installed here: pip install 'buildfeed[oidc]', "
            "or leave out --oidc-issuer."
        )
    if file:
        own["oidc_client_secret"] = _read(file)
    own["oidc_audience"] = own["oidc_audience"] or own["oidc_client_id"]
    own["oidc_label"] = own["oidc_label"] or urlsplit(own["oidc_issuer"]).hostname
    return Oidc(**{name.removeprefix("oidc_"): value for name, value in own.items()})


def environment(settings: Oidc | None) -> dict[str, str | None]:
    """Return the variables that say the same to another process; None stands for none."""
    if settings is None:
        return {VARIABLE + "ISSUER": None}
    groups = _BETWEEN_GROUPS.join(
        f"{group}={','.join(map(str, grants))}" for group, grants in settings.groups.items()
    )
    return {
        VARIABLE + "ISSUER": settings.issuer,
        VARIABLE + "CLIENT_ID": settings.client_id,
        VARIABLE + "CLIENT_SECRET": settings.client_secret or None,
        VARIABLE + "CLIENT_SECRET_FILE": None,
        VARIABLE + "AUDIENCE": settings.audience,
        VARIABLE + "LABEL": settings.label,
        VARIABLE + "GROUPS": groups or None,
        VARIABLE + "GROUPS_CLAIM": settings.groups_claim,
        VARIABLE + "NAME_CLAIM": settings.name_claim,
        VARIABLE + "SCOPES": settings.scopes,
        VARIABLE + "HOURS": str(settings.hours),
    }


class _Group(click.types.StringParamType):
    """A group and its grants; its name may have spaces, so a variable has another separator."""

    envvar_list_splitter = _BETWEEN_GROUPS


def _issuer(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if not value:
        return None
    text = value.strip()
    try:
        parts = urlsplit(text)
        is_url = bool(parts.hostname) and parts.port != 0
        is_url = is_url and not (parts.query or parts.fragment or "@" in parts.netloc)
    except ValueError:
        is_url = False
    if not is_url or parts.scheme not in ("http", "https"):
        raise click.BadParameter(
            f"{value!r} is no issuer: write it as the provider does in its configuration, as in "
            "https://id.example/realms/main."
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise click.BadParameter(f"{value!r} is not https: http is for trials on this machine.")
    return text


def _secret(context: click.Context, option: click.Parameter, value: str) -> str:
    if context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE:
        raise click.BadParameter(  # it is not quoted
            f"others may see a command line: give it as {VARIABLE}CLIENT_SECRET, or as a file with "
            "--oidc-client-secret-file."
        )
    return value.strip()


def _read(file: Path) -> str:
    try:
        text = file.read_bytes()[: _MOST_SECRET_BYTES + 1].decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise click.UsageError(
            f"The file of --oidc-client-secret-file cannot be read: {exc}."
        ) from exc
    if not text.strip() or len(text) > _MOST_SECRET_BYTES:
        raise click.UsageError("The file of --oidc-client-secret-file has no secret in it.")
    return text.strip()


def _groups(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> dict[str, Grants]:
    found: dict[str, Grants] = {}
    for value in values:
        group, mark, grants = value.strip().rpartition(
            "="
        )  # the name of a group may have a = in it
        if not (group and mark and grants):
            raise click.BadParameter(
                f"{value!r} gives no group grants: write it as dev=builder@* or "
                "ops=operator,viewer@acme."
            )
        try:
            granted = Grants.parse(grants.split(","))
            found[group] = Grants([*found.get(group, Grants()), *granted])
        except InvalidGrant as exc:
            raise click.BadParameter(str(exc)) from exc
    return found


def _label(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not value.isprintable() or len(value) > _MOST_LABEL:
        raise click.BadParameter(f"it has at most {_MOST_LABEL} characters that can be shown.")
    return value.strip()


def _scopes(_context: click.Context, _option: click.Parameter, value: str) -> str:
    text = " ".join(value.split())
    if not _SCOPES.fullmatch(text):
        raise click.BadParameter(f"{value!r} are no scopes with openid among them.")
    return text


_OPTIONS: Final = (
    click.option(
        "--oidc-issuer",
        envvar=VARIABLE + "ISSUER",
        callback=_issuer,
        metavar="URL",
        help="OpenID provider by which people may come, as it calls itself (https://id.example).",
    ),
    click.option(
        "--oidc-client-id",
        envvar=VARIABLE + "CLIENT_ID",
        default="",
        help="Who Buildfeed is at the provider.",
    ),
    click.option(
        "--oidc-client-secret-file",
        envvar=VARIABLE + "CLIENT_SECRET_FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File with its secret there.  [default: none, a public client]",
    ),
    click.option(
        "--oidc-client-secret",
        envvar=VARIABLE + "CLIENT_SECRET",
        default="",
        callback=_secret,
        hidden=True,
        help="The same secret; as the variable only, since others may see a command line.",
    ),
    click.option(
        "--oidc-audience",
        envvar=VARIABLE + "AUDIENCE",
        default="",
        help="What the tokens of programs are for (aud).  [default: the client id]",
    ),
    click.option(
        "--oidc-label",
        envvar=VARIABLE + "LABEL",
        default="",
        callback=_label,
        help="What people call the provider.  [default: its host]",
    ),
    click.option(
        "--oidc-group",
        "oidc_groups",
        envvar=VARIABLE + "GROUPS",
        multiple=True,
        type=_Group(),
        callback=_groups,
        metavar="GROUP=GRANT[,GRANT]",
        help="What a group of the provider may do, as in dev=builder@*; repeatable.",
    ),
    click.option(
        "--oidc-groups-claim",
        envvar=VARIABLE + "GROUPS_CLAIM",
        default="groups",
        show_default=True,
        help="The claim that has the groups.",
    ),
    click.option(
        "--oidc-name-claim",
        envvar=VARIABLE + "NAME_CLAIM",
        default="preferred_username",
        show_default=True,
        help="The claim that has the name.",
    ),
    click.option(
        "--oidc-scopes",
        envvar=VARIABLE + "SCOPES",
        default="openid profile email",
        show_default=True,
        callback=_scopes,
        help="What is asked of the provider at a sign-in.",
    ),
    click.option(
        "--oidc-hours",
        envvar=VARIABLE + "HOURS",
        default=12,
        show_default=True,
        type=click.IntRange(1, 24 * 30),
        help="Hours after which one signs in with the provider again.",
    ),
)
