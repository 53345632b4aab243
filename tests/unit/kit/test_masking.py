"""What the public never sees, and what it sees untouched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.secrets import MASK, public_text, redact, redact_json

SECRET = "Zx9q7LmT2vKw8RtY4uPs6NdB"

CREDENTIALS = [
    "password=Zx9q7LmT2vKw8RtY4uPs6NdB",
    "Password: Zx9q7LmT2vKw8RtY4uPs6NdB",
    'the password is "Zx9q7LmT2vKw8RtY4uPs6NdB"',
    "PGPASSWORD=Zx9q7LmT2vKw8RtY4uPs6NdB psql",
    "db_passwd = 'Zx9q7LmT2vKw8RtY4uPs6NdB'",
    "client_secret: Zx9q7LmT2vKw8RtY4uPs6NdB",
    "AWS_SECRET_ACCESS_KEY=Zx9q7LmT2vKw8RtY4uPs6NdB",
    '{"api_key": "Zx9q7LmT2vKw8RtY4uPs6NdB"}',
    "?access_token=Zx9q7LmT2vKw8RtY4uPs6NdB&x=1",
    "X-Api-Key: Zx9q7LmT2vKw8RtY4uPs6NdB",
    "token:Zx9q7LmT2vKw8RtY4uPs6NdB",
    "Authorization: Bearer Zx9q7LmT2vKw8RtY4uPs6NdB",
    '"authorization": "Basic Zx9q7LmT2vKw8RtY4uPs6NdB"',
    "curl -H 'authorization: basic Zx9q7LmT2vKw8RtY4uPs6NdB=='",
    "sent bearer Zx9q7LmT2vKw8RtY4uPs6NdB",
    "postgresql://runlog:Zx9q7LmT2vKw8RtY4uPs6NdB@db:5432/runlog",
    "postgresql+asyncpg://u:a@Zx9q7LmT2vKw8RtY4uPs6NdB@db/runlog",
    "redis://:Zx9q7LmT2vKw8RtY4uPs6NdB@cache:6379/0",
    "amqps://u:Zx9q7LmT2vKw8RtY4uPs6NdB@mq//",
    "sk-Zx9q7LmT2vKw8RtY4uPs6NdB",
    "sk-ant-api03-Zx9q7LmT2vKw8RtY4uPs6NdB",
    "sk_live_Zx9q7LmT2vKw8RtY4uPs6NdB",
    "ghp_Zx9q7LmT2vKw8RtY4uPs6NdB",
    "github_pat_11ABC_Zx9q7LmT2vKw8RtY4uPs6NdB",
    "glpat-Zx9q7LmT2vKw8RtY4uPs6NdB",
    "xoxb-123456789012-Zx9q7LmT2vKw8RtY4uPs6NdB",
    "hf_Zx9q7LmT2vKw8RtY4uPs6NdB",
    "AIzaSyA-Zx9q7LmT2vKw8RtY4uPs6NdB_0123",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.Zx9q7LmT2vKw8RtY4uPs6NdB",
    "-----BEGIN RSA PRIVATE KEY-----\nZx9q7LmT2vKw8RtY4uPs6NdB\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nZx9q7LmT2vKw8RtY4uPs6NdB and the rest is cut off",
]


@pytest.mark.parametrize("text", CREDENTIALS)
@pytest.mark.parametrize("context", ["{}", "Deployed with {}, then restarted.", "(see {})\nnext line"])
def test_a_credential_is_masked_and_the_words_around_it_stay(text: str, context: str) -> None:
    clean = redact(context.format(text))
    assert SECRET not in clean
    assert MASK in clean
    assert clean.startswith(context.partition("{}")[0])


def test_an_aws_key_id_is_masked() -> None:
    assert redact("with AKIAIOSFODNN7EXAMPLE today") == f"with {MASK} today"


@pytest.mark.parametrize("text", CREDENTIALS)
def test_redacting_again_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Fixed database connection pool leak in session.py",
        "Ran QA suite; 3 of 5 test suites passed",
        "Security scan aborted: dependency resolution timeout",
        "Ran the basic regression suite and basic authentication checks",
        "The bearer of bad news: interoperability failed",
        "Rotated the access token and reset 14 passwords",
        "Login failed because the access token is expired",
        "Summarised 12 threads, tokens: 15234, prompt_tokens=1,204",
        "Deployed https://example.com:8443/path?page=2 for user@example.com",
        "Moved postgresql://db.example.com:5432/runlog to db2",
        "Merged risk-assessment-of-the-supply-chain into main",
        "commit 4f2a9c1be07d3358a1f6e2b94c7d80a15e3f9b26 on task-2024-11-22",
        "Öffnete das Menü: 3x größer — 日本語のまとめ 🎉",
        "",
    ],
)
def test_ordinary_text_is_untouched(text: str) -> None:
    assert redact(text) == text


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Zs", "Po"]), max_size=300))
def test_any_text_gets_no_longer_than_its_limit_and_stays_on_one_line(text: str) -> None:
    shown = public_text(text, 40)
    assert len(shown) <= 40
    assert "\n" not in shown


def test_a_long_text_is_cut_at_exactly_its_limit() -> None:
    assert public_text("x" * 280, 280) == "x" * 280
    assert public_text("x" * 281, 280) == "x" * 279 + "…"


@pytest.mark.parametrize("padding", range(250, 290, 5))
def test_a_credential_at_the_cut_is_masked_whole(padding: int) -> None:
    assert SECRET[:6] not in public_text("x" * padding + f" ghp_{SECRET}", 280)


@pytest.mark.parametrize("blanks", range(5560, 5610, 7))
@pytest.mark.parametrize("credential", [f"ghp_{SECRET}", f"redis://:{SECRET}@cache/0", f"token={SECRET}"])
def test_a_credential_behind_many_blanks_is_masked_or_left_out(blanks: int, credential: str) -> None:
    assert SECRET[:6] not in public_text("a" + " " * blanks + credential + " b", 280)


def test_json_keeps_its_form_and_loses_its_credentials() -> None:
    payload = {
        "summary": "Rotated sk-abcdefghijklmnop1234 today",
        "password": "correct horse battery",
        "api_keys": ["abcdef123456", {"note": "kept"}],
        "login": {"secret": 12345678, "user": "ada"},
        "ghp_abcdefghij0123456789": 1,
        "tokens_used": 5123,
        "done": True,
        "nothing": None,
        "ratio": 0.5,
    }
    assert redact_json(payload) == {
        "summary": "Rotated [redacted] today",
        "password": "[redacted]",
        "api_keys": ["[redacted]", {"note": "kept"}],
        "login": {"secret": "[redacted]", "user": "ada"},
        "[redacted]": 1,
        "tokens_used": 5123,
        "done": True,
        "nothing": None,
        "ratio": 0.5,
    }


@pytest.mark.parametrize(
    "text",
    [
        "RUNLOG_ALERT_WEBHOOK_SECRET is not set",
        "RUNLOG_ALERT_WEBHOOK_SECRET: what follows whsec_ must be base64",
        "RUNLOG_JUDGE_API_KEY: must be visible ASCII characters",
        "RUNLOG_ALERT_WEBHOOK_SECRET_FILE: cannot read /run/secrets/webhook: No such file or directory",
        "missing token: GITHUB_TOKEN",
        "KeyError: 'OPENAI_API_KEY'",
    ],
)
def test_the_name_of_a_variable_is_no_secret(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["RUNLOG_ALERT_WEBHOOK_SECRET", "GITHUB_TOKEN", "DB_PASSWORD"])
@pytest.mark.parametrize("value", ["hunter2222", "ADMIN_2024!", "swordfish", "UPPER_CASE"])
def test_the_value_of_a_variable_is_one(name: str, value: str) -> None:
    assert redact(f"{name}={value}") == f"{name}=[redacted]"
