"""Secrets in texts of a build, which are built of parts here so that no scanner finds them."""

import base64
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildfeed.runner.lines import MOST_CHARACTERS, Line, Lines
from buildfeed.runner.masking import MASK, InvalidMask, Masking

SECRET = 's3cr&t/"Välue+1'
KEY = "-----BEGIN RSA PRIVATE " + "KEY-----", "MIIabc+/012=", "-----END RSA PRIVATE " + "KEY-----"


def masked(text: str, **environment: str) -> str:
    return Masking(environment).text(text)


@pytest.mark.parametrize(
    "name",
    [
        *("GITHUB_TOKEN", "TOKEN_OF_ADA", "npm_config__authToken", "DB_PASSWORD", "PGPASSWORD"),
        *(
            "SECRET",
            "API_KEY",
            "APIKEY",
            "AWS_SECRET_ACCESS_KEY",
            "CREDENTIALS",
            "DB_PWD",
            "MY_PAT",
        ),
        *("SENTRY_DSN", "PASSPHRASE", "SLACK_WEBHOOK", "REGISTRY_AUTH", "mysql_passwd"),
    ],
)
def test_the_value_of_a_variable_whose_name_looks_secret_is_masked(name: str) -> None:
    assert masked(f"login with {SECRET}!", **{name: SECRET}) == f"login with {MASK}!"


@pytest.mark.parametrize("name", ["PATH", "GIT_AUTHOR_NAME", "KEYBOARD", "KEY_PATH", "TOKEN_FILE"])
def test_the_value_of_another_variable_stays(name: str) -> None:
    assert masked(SECRET, **{name: SECRET}) == SECRET


@pytest.mark.parametrize(
    "value",
    [
        *("short", "1234567", "true", "disabled", "Password", "20240131", "-12.345.678"),
        *(
            "/home/ada/.ssh/id_ed25519",
            "~/.netrc.d",
            "./keys/main",
            "C:\\Users\\ada",
            "/srv:/opt/x",
        ),
    ],
)
def test_a_short_or_ordinary_value_stays(value: str) -> None:
    assert masked(f"a {value} b", MY_SECRET=value) == f"a {value} b"


def test_a_random_secret_with_slashes_is_no_path() -> None:
    secret = "/x8J+aBcDeFg/PqRsTuVw"
    assert masked(secret, MY_SECRET=secret) == MASK


@pytest.mark.parametrize(
    "form",
    [
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower().replace("v", "V"),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_an_encoded_value_is_masked(form: str) -> None:
    assert masked(f"x={form}&y", MY_SECRET=SECRET) == f"x={MASK}&y"


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_value_within_a_longer_base64_is_masked(before: str, encode: type) -> None:
    text = base64.b64encode(f"{before}{SECRET}:after".encode()).decode()
    kept = masked(text, MY_SECRET=SECRET).split(MASK)
    assert len(kept) == 2
    assert sum(map(len, kept)) <= len(text) - (len(SECRET.encode()) - 2) * 8 // 6


def test_each_line_of_a_value_is_masked() -> None:
    value = "first line of it\nsecond line of it\n"
    assert masked("second line of it", MY_SECRET=value) == MASK


def test_the_password_in_a_url_of_any_variable_is_masked_everywhere() -> None:
    assert masked("login hunter2hunter2", DATABASE="x://u:hunter2hunter2@h/d") == f"login {MASK}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("push https://ada:pw@host/x and http://h/a:3@b", f"push https://ada:{MASK}@host/x and"),
        ("amqp://ada:p@ss:w@host/", f"amqp://ada:{MASK}@host/"),
        (f"https://{'x' * 24}@github.com/a", f"https://{MASK}@github.com/a"),
        ("https://ada@github.com/a", "https://ada@github.com/a"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {MASK}"),
        ("-H 'authorization: Basic YTpi'", f"-H 'authorization: Basic {MASK}'"),
        ('{"Authorization":"token abc"}', f'{{"Authorization":"token {MASK}"}}'),
        ("PRIVATE-TOKEN: abc", f"PRIVATE-TOKEN: {MASK}"),
        (f"bearer {'a1' * 10} ok", f"bearer {MASK} ok"),
        ("the bearer of news", "the bearer of news"),
        ("mysql --password=hunter2 x", f"mysql --password={MASK} x"),
        ("tool --api-key 'a b' --token abc x", f"tool --api-key {MASK} --token {MASK} x"),
        ("docker login --password-stdin", "docker login --password-stdin"),
        ("curl -u ada:hunter2 x", f"curl -u ada:{MASK} x"),
        ("env DB_PASSWORD=x1 make", f"env DB_PASSWORD={MASK} make"),
        ("GET /a?access_token=x1", f"GET /a?access_token={MASK}"),
        ("Cookie: a=b; c=d", f"Cookie: {MASK}"),
        ("unexpected token: a", "unexpected token: a"),
    ],
)
def test_a_secret_in_a_known_place_is_masked(text: str, expected: str) -> None:
    assert masked(text).startswith(expected)


@pytest.mark.parametrize(
    "token",
    [
        *("gh" + "p_" + "aB3" * 12, "github" + "_pat_" + "aB3_" * 12, "gl" + "pat-" + "aB3-" * 5),
        *("AK" + "IA" + "A2B3" * 4, "xo" + "xb-" + "12345-abcdef", "np" + "m_" + "aB3" * 12),
        *("bf" + "_" + "aB3d" * 8, "bs" + "_" + "aB3d" * 8, "bl" + "_" + "aB3d" * 8),
        "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
def test_a_token_of_a_known_form_is_masked(token: str) -> None:
    assert masked(f"with {token}, or '{token}'") == f"with {MASK}, or '{MASK}'"


@pytest.mark.parametrize(
    "text", ["tbl_some_table_of_many", "bs_a_function_name", "a-b_c.d/e_f:3", "npm_config_cache"]
)
def test_an_ordinary_name_stays(text: str) -> None:
    assert masked(text) == text


def test_an_expression_of_the_user_is_masked() -> None:
    masking = Masking({}, [r"order-\d+", "(?=ab)"])
    assert masking.text("order-12 abc") == f"{MASK} abc"


@pytest.mark.parametrize("expression", ["(", "a*", "", "[", "a{99999999999}"])
def test_an_expression_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(InvalidMask) as refused:
        Masking({}, [expression])
    assert refused.value.expression == expression
    assert refused.value.reason


def test_a_private_key_is_masked_over_several_lines() -> None:
    masking = Masking({})
    texts = [f"key: {KEY[0]}", *KEY[1:], "after"]
    assert [masking.line(Line(text)).text for text in texts] == [
        *(f"key: {MASK}", MASK, MASK, "after")
    ]


def test_a_private_key_is_masked_within_a_line() -> None:
    assert masked("{" + "\\n".join(KEY) + "}") == "{" + MASK + "}"
    masking = Masking({})
    assert masking.line(Line("\\n".join(KEY) + KEY[0])).text == MASK * 2
    assert masking.line(Line("MIIabc")).text == MASK


def test_a_private_key_that_never_ends_does_not_mask_for_ever() -> None:
    masking = Masking({})
    masking.line(Line(KEY[0]))
    for _ in range(400):
        masking.line(Line("MIIabc"))
    assert masking.line(Line("text")).text == "text"


BODY = ["MIIabc+/" * 8, "QEFz12+/" * 8, "short+/Q12="]


@pytest.mark.parametrize("before", ["", "  ", "#12 0.345 ", '"'])
def test_a_private_key_that_began_in_a_gap_is_masked(before: str) -> None:
    masking = Masking({})
    masking.skip()
    texts = [masking.line(Line(before + text)).text for text in (*BODY[:2], KEY[2], "after")]
    assert texts == [before + MASK, before + MASK, MASK, before + "after"]


def test_the_last_line_of_a_key_that_began_in_a_gap_is_masked_and_other_words_are_not() -> None:
    masking = Masking({})
    masking.skip()
    texts = ["building", "0" * 64, "DEK-Info: AES", "", *BODY, "Done", BODY[0], BODY[2]]
    seen = [masking.line(Line(text)).text for text in texts]
    assert seen == [*texts[:4], MASK, MASK, MASK, "Done", MASK, MASK]
    masking.skip()
    assert masking.line(Line(BODY[2])).text == MASK


def test_a_private_key_that_began_in_the_cut_part_of_a_line_is_masked() -> None:
    masking = Masking({})
    masking.line(Line("x" * MOST_CHARACTERS, left_out=40))
    assert [masking.line(Line(text)).text for text in BODY] == [MASK] * 3


def test_behind_a_gap_a_whole_key_is_masked_as_elsewhere() -> None:
    masking = Masking({})
    masking.skip()
    texts = [*BODY[2:], *KEY, "Done", "\\n".join(KEY) + " x"]
    seen = [masking.line(Line(text)).text for text in texts]
    assert seen == [*[MASK] * 4, "Done", MASK + " x"]


def test_what_looks_like_a_key_long_after_a_gap_stays() -> None:
    masking = Masking({})
    masking.skip()
    for _ in range(400):
        masking.line(Line("building"))
    assert masking.line(Line(BODY[0])).text == BODY[0]


def test_a_quoted_secret_that_is_cut_is_masked() -> None:
    masking = Masking({})
    line = masking.line(Line("tool --password 'correct horse bat", left_out=5))
    assert line.text.startswith(f"tool --password {MASK}")
    assert "horse" not in line.text


@pytest.mark.parametrize("kept", range(1, len(SECRET) + 3))
def test_a_cut_line_does_not_uncover_a_half(kept: int) -> None:
    secret = "two words of a secret"
    begin = ("word " * 1000)[: MOST_CHARACTERS - kept - 1] + " "
    (line,) = Lines().feed(f"{begin}{secret} {'x' * 99}\n".encode())
    assert isinstance(line, Line)
    text = Masking({"MY_SECRET": secret}).line(line).text
    assert "two" not in text
    assert text.startswith("word word")


def test_the_half_of_a_token_at_the_end_of_a_cut_line_is_masked() -> None:
    text = "x" * (MOST_CHARACTERS - 9) + ";gh" + "p_aB3d"
    assert "p_aB" not in Masking({}).line(Line(text, left_out=30)).text


def test_two_reads_and_colours_do_not_split_a_secret() -> None:
    masking, lines = Masking({"MY_SECRET": SECRET}), Lines()
    data = f"with \x1b[31m{SECRET[:5]}\x1b[0m{SECRET[5:]}\n".encode()
    found = [each for at in range(len(data)) for each in lines.feed(data[at : at + 1])]
    assert [masking.line(each).text for each in found if isinstance(each, Line)] == [f"with {MASK}"]


def test_the_command_line_of_a_title_is_masked() -> None:
    command = ["deploy", "--token", SECRET, f"--url=https://a:{quote(SECRET, safe='')}@h/"]
    title = masked(shlex.join(command), MY_SECRET=SECRET)
    assert title == f"deploy --token {MASK} --url=https://a:{MASK}@h/"


@given(st.text(max_size=200), st.text(min_size=8, max_size=40))
def test_no_text_or_value_makes_it_fail(text: str, value: str) -> None:
    masking = Masking({"MY_SECRET": value})
    masking.text(text + value)
    masking.line(Line(text, left_out=3))


@pytest.mark.parametrize(
    "part",
    [
        *(
            "://",
            "://a:",
            "a@",
            "authorization: ",
            "-----BEGIN A PRIVATE KEY-----",
            "--token ",
            "eyJ",
        ),
        *("a.", "bearer ", "'", "aB3", "\0", "\ufffd", "\ud800"),
    ],
)
def test_a_long_line_is_masked_in_linear_time(part: str) -> None:
    Masking({"MY_SECRET": SECRET}).line(Line(part * (100_000 // len(part)), left_out=9))
