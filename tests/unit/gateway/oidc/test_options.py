"""The options of a provider: what fits together, and what another process is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from buildfeed.grants import Grants
from gateway.oidc import options
from gateway.oidc.settings import Oidc

ISSUER = ["--oidc-issuer", "https://id.example/realms/main"]
GIVEN = [*ISSUER, "--oidc-client-id", "buildfeed"]


def run(*given: str, variables: Mapping[str, str] | None = None) -> tuple[Oidc | None, Result]:
    found: list[Oidc | None] = []

    @click.command()
    @options.oidc
    def command(**given: Any) -> None:
        found.append(options.taken(given))
        assert given == {}

    result = CliRunner().invoke(command, given, env=variables)
    return (found[0] if found else None), result


def refusal(*given: str, variables: Mapping[str, str] | None = None) -> str:
    _, result = run(*given, variables=variables)
    assert result.exit_code == 2, result.output
    return " ".join(result.output.rpartition("Error: ")[2].split())


def test_without_an_issuer_there_is_none() -> None:
    found, result = run()
    assert (found, result.exit_code) == (None, 0)


def test_an_issuer_and_an_id_are_enough() -> None:
    found, _ = run(*GIVEN)
    assert found == Oidc(
        issuer=ISSUER[1], client_id="buildfeed", audience="buildfeed", label="id.example"
    )


def test_every_setting_has_an_option_of_its_default() -> None:
    found, _ = run(*GIVEN)
    for field in msgspec.structs.fields(Oidc):
        if field.default is not msgspec.NODEFAULT:
            assert getattr(found, field.name) == field.default, field.name


def test_what_belongs_together_is_said() -> None:
    assert "say --oidc-client-id too" in refusal(*ISSUER)
    assert "say --oidc-issuer too" in refusal("--oidc-client-id", "x")
    assert "say --oidc-issuer too" in refusal("--oidc-group", "dev=viewer@*")


@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        ("id.example", "is no issuer"),
        ("ftp://id.example", "is no issuer"),
        ("https://", "is no issuer"),
        ("https://id.example/?x", "is no issuer"),
        ("https://user@id.example", "is no issuer"),
        ("https://[", "is no issuer"),
        ("http://id.example", "is not https"),
        ("http://192.0.2.7:8080", "is not https"),
    ],
)
def test_an_issuer_is_https_or_on_this_machine(issuer: str, said: str) -> None:
    assert said in refusal("--oidc-issuer", issuer, "--oidc-client-id", "x")
    for local in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"):
        assert run("--oidc-issuer", local, "--oidc-client-id", "x")[0]


def test_a_secret_is_in_a_variable_or_a_file_and_never_on_a_command_line(tmp_path: Path) -> None:
    secret = {"BUILDFEED_OIDC_CLIENT_SECRET": "s3cret"}
    assert getattr(run(*GIVEN, variables=secret)[0], "client_secret", "") == "s3cret"
    file = tmp_path / "secret"
    file.write_text("fr0m file\n")
    found, _ = run(*GIVEN, "--oidc-client-secret-file", str(file))
    assert getattr(found, "client_secret", "") == "fr0m file"
    said = refusal(*GIVEN, "--oidc-client-secret", "s3cret")
    assert "others may see a command line" in said
    assert "s3cret" not in said
    file.write_text("\n")
    assert "has no secret in it" in refusal(*GIVEN, "--oidc-client-secret-file", str(file))


def test_groups_have_grants() -> None:
    groups = ["--oidc-group", "dev=builder@*", "--oidc-group", "cn=Ops Team,ou=x=operator,as:*"]
    found, _ = run(*GIVEN, *groups)
    assert found
    assert found.groups == {
        "dev": Grants.parse(["builder@*"]),
        "cn=Ops Team,ou=x": Grants.parse(["operator", "as:*"]),
    }


def test_in_a_variable_groups_are_apart_by_semicolons() -> None:
    told = {"BUILDFEED_OIDC_GROUPS": "dev=viewer@x; Ops Team=operator;dev=start:x"}
    found, _ = run(*GIVEN, variables=told)
    assert found
    assert found.groups == {
        "dev": Grants.parse(["viewer@x", "start:x"]),
        "Ops Team": Grants.parse(["operator"]),
    }


@pytest.mark.parametrize("group", ["dev", "=viewer@x", "dev=", "dev=admin", "dev=viewer@A"])
def test_a_group_without_grants_is_none(group: str) -> None:
    assert refusal(*GIVEN, "--oidc-group", group)


@pytest.mark.parametrize("scopes", ["profile", "", 'openid "x"'])
def test_openid_is_always_asked_for(scopes: str) -> None:
    assert "no scopes with openid" in refusal(*GIVEN, "--oidc-scopes", scopes)
    assert run(*GIVEN, "--oidc-scopes", "  groups   openid ")[0]


def test_another_process_is_told_the_same(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret")
    found, _ = run(
        *GIVEN,
        *["--oidc-client-secret-file", str(file), "--oidc-audience", "urn:x"],
        *["--oidc-label", "Our login", "--oidc-group", "Ops Team=operator", "--oidc-hours", "3"],
    )
    assert found
    told = {name: text for name, text in options.environment(found).items() if text is not None}
    assert run(variables=told)[0] == found
    assert "BUILDFEED_OIDC_ISSUER" in options.environment(None)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "_LIBRARIES", ("json", "no_such_library"))
    assert "pip install 'buildfeed[oidc]'" in refusal(*GIVEN)
