"""Secrets are found by form, by name and over line ends; what only looks like one is left; the time is linear."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.masking import Masker, find_secrets, holds_secrets, is_secret_file, known_of, not_shown, patterns, restored
from domain.masking.secrets import (
    assigned_secrets,
    aws_secrets,
    broken_literals,
    decoded_run,
    decodes_to_private_key,
    is_placeholder_login,
    passwords_in_urls,
)

LETTERS = "Zq8xN2pLw0TyKv5Rb7Hc3Jd9Mf1Gs4Wa6Ue"


def made(n, seed=1, alphabet=LETTERS):
    return "".join(alphabet[(seed * 7 + i * (seed + 3) + i * i) % len(alphabet)] for i in range(n))


GH = "ghp_" + made(36)
KEY = "\n".join(made(64, n) for n in range(2, 6))
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY-----"
WRAPPED = base64.b64encode(PEM.encode()).decode()
PLANTED = {
    # value: the text it stands in
    "hunter2": 'password = "hunter2"',
    "Tr0ub4dor&3": 'DB_PASSWORD = "Tr0ub4dor&3"',
    "Winter-2024!x": 'cfg = {"password": "Winter-2024!x"}',
    "kX9-pQ2v": 'connect(user="svc", password="kX9-pQ2v")',
    "s3cr3tPazz": "db:\n  password: s3cr3tPazz\n",
    "kj3nf9Qx": "DB_PASSWORD=kj3nf9Qx\n",
    "9f8e7d6c5b4a3210ffee": "export API_TOKEN=9f8e7d6c5b4a3210ffee\n",
    "f8Kq2mZpL0": "[db]\npassword = f8Kq2mZpL0\n",
    "Zx81spectrum": 'password: str = "Zx81spectrum"',
    "a8f5f167f44f4964e6c998dee827110c": 'const apiKey: string = "a8f5f167f44f4964e6c998dee827110c";',
    base64.b64encode(GH.encode()).decode().rstrip("="): f'x = "{base64.b64encode(GH.encode()).decode()}"',
    base64.b64encode(f"token:{GH}".encode()).decode().rstrip("="): base64.b64encode(f"token:{GH}".encode()).decode(),
    GH.encode().hex(): f"bytes.fromhex('{GH.encode().hex()}')",
    "Tr0ub4dor&4": 'password = """Tr0ub4dor&4"""',
    "Tr0ub4dor&5": 'let password: &str = "Tr0ub4dor&5";',
    "Tr0ub4dor&6": """const PASSWORD: &'static str = "Tr0ub4dor&6";""",
    "Tr0ub4dor&7": 'passwort = "Tr0ub4dor&7"',
    "Qw3rty!9z": "<password>Qw3rty!9z</password>",
    "Qw3rty!9y": 'password := "Qw3rty!9y"',
    "Qw3rty!9x": ":password => 'Qw3rty!9x'",
    "n7&2kd0s@qz": 'os.environ.setdefault("SECRET_KEY", "n7&2kd0s@qz")',
    "op3nSes4me": "CREATE USER x IDENTIFIED BY 'op3nSes4me';",
    "op3nSes4mf": "machine api.x.io\n  login bob\n  password op3nSes4mf\n",
    "7c9e6679-7425-40de-944b-e07fc1f90ae7": "//registry/:_authToken=7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "p4ssGo9z": "postgres://svc:p4ssGo9z@db.internal:5432/app",
    "kf93jdkQ": "mongodb+srv://app:kf93jdkQ@cluster0.mongodb.net",
    "k2j3h4k2j3": "redis://:k2j3h4k2j3@cache:6379/0",
    "Hk39!xkd": "Server=x;Database=y;User Id=sa;Password=Hk39!xkd;",
    made(86, 9): f"AccountName=x;AccountKey={made(86, 9)}==;EndpointSuffix=core.windows.net",
    made(40, 8): f'key = "AKIA{"Q7" * 8}"\nother = "{made(40, 8)}"',
    made(33, 7): f"Authorization: Bearer {made(33, 7)}",
    "c3ZjOmtmOTNqZGtR": "Authorization: Basic c3ZjOmtmOTNqZGtR",
    "kf93jdkQ9zz8812345": "tool --token kf93jdkQ9zz8812345",
    "kf93jdkR": "curl -u bob:kf93jdkR https://x",
    "kf93jdkQ9zz8812346": "https://api.x.io/v1?api_key=kf93jdkQ9zz8812346&x=1",
    "kf93jdkS": "spring.datasource.password=kf93jdkS",
    "kf93jdkT": "define('DB_PASSWORD', 'kf93jdkT');",
    "kf93jdkU": "ERROR login failed password=kf93jdkU user=bob",
    "kf93jdkV": "ansible_ssh_pass: kf93jdkV",
    "a2Y5M2pka1E5eg": "kind: Secret\ndata:\n  password: a2Y5M2pka1E5eg==",
    GH: f"url = https://{GH}@github.com/x/y",
    KEY.split("\n")[1]: PEM,
    WRAPPED[40:100]: f"  tls.key: {WRAPPED}\n",
}
SPLIT = [
    f'TOKEN = (\n    "{GH[:20]}"\n    "{GH[20:]}"\n)',
    f'T = "{GH[:20]}" + "{GH[20:]}"',
    f'T = "{GH[:20]}" +\n    "{GH[20:]}";',
    f"$t = '{GH[:20]}' .\n '{GH[20:]}';",
    f'var t = "{GH[:20]}"\n   + "{GH[20:]}";',
    f"export TOKEN={GH[:20]}\\\n{GH[20:]}",
    f"token: >-\n  {GH[:20]}\n  {GH[20:]}\n",
    f'token: "{GH[:20]}\\\n  {GH[20:]}"\n',
    f'+TOKEN = ("{GH[:20]}"\n+    "{GH[20:]}")',
    "data:\n  tls.key: |\n" + "".join(f"    {WRAPPED[i : i + 64]}\n" for i in range(0, len(WRAPPED), 64)),
    '{"private_key": "' + PEM.replace("\n", "\\n") + '"}',
]
HARMLESS = [
    "password = os.environ['PASSWORD']",
    "token = get_token_from_request(request)",
    'password = "changeme-please-now1"',
    "api_key: ${API_KEY}",
    'secret = "<your-secret-here-12345>"',
    'token = "xxxxxxxxxxxxxxxxxxxx1"',
    'password = "secret"',
    'password="test1234"',
    'PASSWORD = "password123"',
    "secret_name = 'projects/prod/secrets/db'",
    "password_min_length = 12345678",
    '"integrity": "sha512-Zx8qL2mN5vB7cD1fG4hJ6kZx8qL2mN5vB7cD1fG4hJ6k=="',
    "PASSWORD_RESET_TIMEOUT_SECONDS = 86400",
    "const token = await this.authService.createToken2(user)",
    "next_token = page.next_continuation_token_v2",
    "postgres://user:password@localhost/db",
    "https://docs.example.com:8080/path@2x",
    "redis://:@x",
    "http://u:p@x",
    "postgres://svc:${PASSWORD}@db/x",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "key = sorted(items, key=len)",
    "token = self.tokens[0]",
    "for token in lexer.tokens2: pass",
    'password = getpass("Password: ")',
    "self.password = password1",
    'field = "password_confirmation"',
    "Authorization: Basic dXNlcm5hbWU6cGFzc3dvcmQ=",
    "_authToken=${NPM_TOKEN}",
    'label = _("Enter your password2 again")',
    "token_type = 'Bearer2'",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "password: Annotated[str, Field(max_length=128)]",
    "SECRET_KEY = secrets.token_hex(32)",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
]


@pytest.mark.parametrize("value", PLANTED)
def test_a_planted_value_is_masked_and_comes_back_to_the_byte(value):
    text = f"x = 1\n{PLANTED[value]}\ny = 2\n"
    masker = Masker(key="tree")
    clean = masker.text(text)
    assert value not in clean
    assert clean.count("\n") == text.count("\n")
    assert masker.text(clean) == clean
    assert restored(clean, masker.originals(text)) == (text, ())


@pytest.mark.parametrize("text", SPLIT)
def test_a_secret_over_two_lines_is_masked_in_both(text):
    masker = Masker(key="tree")
    clean = masker.text(text)
    for part in (GH[4:20], GH[20:], WRAPPED[64:128], KEY[70:120]):
        assert part not in text or part not in clean
    assert restored(clean, masker.originals(text)) == (text, ())


@pytest.mark.parametrize("text", HARMLESS)
def test_what_stands_for_a_secret_is_left(text):
    assert not find_secrets(text)


def test_a_placeholder_tells_values_apart_and_nothing_about_them():
    one, other = f'password = "{made(12, 3)}"', f'password = "{made(12, 4)}"'
    masker = Masker(key="tree")
    assert masker.text(one) != masker.text(other)
    assert masker.text(one) == Masker(key="tree").text(one)
    assert masker.text(one) != Masker(key="another tree").text(one)
    assert Masker().text(one) == Masker().text(other) == 'password = "[secret: password]"'
    assert not Masker().originals(one)
    assert made(12, 3) not in repr(Masker(known={made(12, 3): "password"}))


def test_a_known_value_is_masked_wherever_it_stands_and_however_it_is_spelt():
    value = "p@ss/w9rd!x"
    masker = Masker(known={value: "password"})
    for spelt in (value, "p%40ss%2Fw9rd%21x", base64.b64encode(value.encode()).decode().rstrip("=")[:-1], f"<{value}>"):
        assert value not in masker.text(f"it said {spelt} and stopped")
        assert "[secret: password]" in masker.text(f"it said {spelt} and stopped")
    assert Masker(known={"abc123": "x"}).text("xabc1234") == "xabc1234"


def test_a_file_of_settings_teaches_its_values():
    known = known_of([f"DEBUG=true\nPORT=8000\nFOO=canary{made(9)}\nDB_PASSWORD=onlyletters\n"], settings=True)
    assert set(known) == {f"canary{made(9)}", "onlyletters"}


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (".env", True),
        ("app/.env.production", True),
        ("prod.env", True),
        (".netrc", True),
        (".pypirc", True),
        ("secrets.yml", True),
        ("credentials.json", True),
        ("config/secrets/api.txt", True),
        ("terraform.tfstate", True),
        ("service-account.json", True),
        ("id_ed25519", True),
        ("certs/private_key.pem", True),
        (".ENV", True),
        (".env.example", False),
        ("src/secrets.py", False),
        ("src/env.py", False),
        ("docs/secrets.md", False),
        ("tokens/lexer.py", False),
        ("package.json", False),
        ("tests/test_credentials.py", False),
        ("id_rsa.pub", False),
    ],
)
def test_files_of_secrets_by_name(path, secret):
    assert is_secret_file(path) is secret


def test_files_of_secrets_by_content():
    assert holds_secrets("deploy/tls", PEM)
    assert not holds_secrets("src/fixture.py", f'KEY = """{PEM}"""')
    assert not holds_secrets("notes.txt", "what a PRIVATE KEY is for")
    assert not holds_secrets(".env", "\n")
    assert ".env" in not_shown(".env")


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.sampled_from(sorted(PLANTED)))
def test_any_text_around_a_secret_keeps_its_lines_and_comes_back(text, value):
    whole = f"{text}\n{PLANTED[value]}\n{text}"
    masker = Masker(key="tree")
    clean = masker.text(whole)
    assert value not in clean.removeprefix(text).removesuffix(text)
    assert clean.count("\n") == whole.count("\n")
    assert masker.text(clean) == clean
    assert restored(clean, masker.originals(whole)) == (whole, ())


SNIPPETS = [
    "-----BEGIN RSA PRIVATE KEY-----",
    "eyJhbGciOi",
    "eyJ.eyJ.",
    "eyJaaaaaaaa.",
    "xoxb-",
    "password",
    'password="',
    "password = (",
    "://a:b",
    "aws AKIA",
    "AKIAAAAAAAAAAAAAAAA",
    "LS0tLS1CRUdJTi",
    '"a" + "b" +\n',
    "token: >-\n  aaaaaaaaaa\n",
    "a@a.a",
    "\\\n  aaaaaaaa",
    "bearer aaaaaaaaaaaa=",
    "login a password ",
    "secretsecretsecret",
    "key_",
    "sk-",
    "ghp_",
    "MMMMMMMMMMMMMMMMMMMMMMMM.",
    ":AA",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@",
    "a-b-",
    "1 2-",
    "'' +",
    "conn_str",
    "--token ",
    "<password>",
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_no_text_makes_it_slow(snippet):
    """Nothing is quadratic: that would take minutes for this much text. CPU time, for a machine that does more."""
    text = (snippet * (300_000 // len(snippet) + 1))[:300_000]
    started = time.process_time()
    Masker(key="k", personal=True).text(text)
    assert time.process_time() - started < 8


RANDOM = "f8Kq2mZpL0vB7xN4"


def test_the_finders_of_secrets_work_alone() -> None:
    url = f"postgres://app:{RANDOM}@db.example.net/x"
    assert [each.value for each in passwords_in_urls(f"see {url}, http://localhost/ and ssh://git@host")] == [RANDOM]
    text = f"password = '{RANDOM}'\nname = 'somebody'\n"
    assert [(each.value, each.label) for each in assigned_secrets(text, text.lower())] == [(RANDOM, "password")]
    aws = "aws: wJalrXUtnFEMI0K7MDENGabPxRfiCYzzzKEY1234"
    assert [each.label for each in aws_secrets(aws, aws.lower())] == ["AWS secret key"]
    assert not list(aws_secrets(aws.replace("aws", "git"), aws.replace("aws", "git")))


def test_a_run_of_letters_is_read_back_where_it_is_text_in_another_spelling() -> None:
    assert decoded_run(b"ghp_secret".hex()) == "ghp_secret"
    assert decoded_run("Z2hwX3NlY3JldA") == "ghp_secret"
    assert not decoded_run("ff00ff00")


def test_the_surroundings_of_a_broken_literal_are_looked_at_once() -> None:
    (part,) = broken_literals('x = "abc" + "def"\ny = "ghi" + "jkl"')
    assert part == (0, 35)
    assert not list(broken_literals("plain words"))


@pytest.mark.parametrize("before", ["", "x", "xx", "xxx", "key: |\n  "])
def test_a_private_key_is_found_in_base64_whatever_stands_before_it(before: str):
    """Three bytes are four letters: what a key looks like depends on how many bytes there are before it."""
    text = f"data: {base64.b64encode((before + PEM).encode()).decode()}\n"
    (secret,) = find_secrets(text)
    assert secret.rule == "secret.private_key"
    assert secret.end == len(text) - 1


@pytest.mark.parametrize("before", ["", "x", "xx"])
def test_a_certificate_in_base64_is_no_key(before: str):
    body = base64.b64encode(f"{before}-----BEGIN CERTIFICATE-----\nMIIB".encode() * 4).decode()
    head = patterns.WRAPPED.search(body)
    assert head is not None
    assert not decodes_to_private_key(body[head.start() :], head[0])


@pytest.mark.parametrize(("login", "placeholder"), [("user:password", True), ("ann:q8Zr2LmXv0Tb", False)])
def test_a_login_that_stands_for_one_is_no_secret(login: str, placeholder: bool):
    assert is_placeholder_login(base64.b64encode(login.encode()).decode()) is placeholder
    assert not is_placeholder_login("no base64!")
