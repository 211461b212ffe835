"""Secrets are found by rules of our own, and what is none is left alone."""

import pytest

from domain.masking import entropy
from risk import default_rules
from risk.content import deceptive, secrets

RULES = default_rules()


def found(text):
    return [(rule.rule if rule else "assigned", line) for rule, line in secrets(text, RULES)]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----",
        'aws_access_key_id = "AKIA' + "Q" * 16 + '"',
        "GITHUB_TOKEN=gho_" + "a1" * 18,
        'api_key = "Zx8qL2mN5vB7cD1fG4hJ6k"',
        "password: 'hunter2Xk9Lq3Zv7Bn5'",
        'const secretKey = "f3A9dK2lP0qW8eR7tY6u";',
        "DB_PASSWORD=9fKx2LmQ8vTz4WcN",
        "url = 'postgres://svc:Zq8xN2pLw0Ty@db.internal/app'",
        "Authorization: Bearer eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 30,
    ],
)
def test_secrets_are_found(text):
    assert found(f"x\n{text}\n") == [(found(text)[0][0], 2)]


@pytest.mark.parametrize(
    "text",
    [
        "password = os.environ['PASSWORD']",
        "token = get_token_from_request(request)",
        'password = "changeme-please-now1"',
        "api_key: ${API_KEY}",
        'secret = "<your-secret-here-12345>"',
        'token = "xxxxxxxxxxxxxxxxxxxx1"',
        "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased-v2')",
        "secret_name = 'projects/prod/secrets/db'",
        '"integrity": "sha512-Zx8qL2mN5vB7cD1fG4hJ6kZx8qL2mN5vB7cD1fG4hJ6k=="',
        "password_hash_rounds = 1234567890123456",
        "PASSWORD_RESET_TIMEOUT_SECONDS = 86400",
        "const token = await this.authService.createToken2(user)",
        "next_token = page.next_continuation_token_v2",
        "sk_test = 'risk_live_data'",
        "postgres://user:password@localhost/db",
        "https://docs.example.com:8080/path@2x",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    ],
)
def test_what_is_no_secret_is_left_alone(text):
    assert found(text) == []


def test_entropy_is_that_of_shannon():
    assert entropy("") == 0
    assert entropy("aaaa") == 0
    assert entropy("ab") == 1
    assert entropy("abcdefgh") == 3


@pytest.mark.parametrize(
    "text", ["", "ls -la", "git commit -m 'Grüße, 世界'", "echo 日本語", "a\n  b\n\tc\n", "echo 'Привет мир'"]
)
def test_honest_text_is_honest(text):
    assert list(deceptive(text)) == []


def test_words_of_two_alphabets_are_named_in_plain_letters():
    (sign,) = deceptive("cat p\u0430ssword.txt")
    assert sign.rule == "content.lookalike"
    assert sign.what.isascii()
