"""Every example of every kind of secret through every face: nothing of it leaves, and it is scored."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID

import pytest

from app.alerts.channels.webhook import _body
from app.alerts.domain.delivery import Delivery
from app.alerts.domain.digest import Digest, digest_message
from app.alerts.domain.incident import Incident
from app.alerts.domain.message import alert_message
from app.api.errors import validation_error
from app.audit.domain.evaluation import evaluate
from app.audit.domain.finding import quote
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.streaks import ConsecutiveFailures
from app.cli import main as cli
from app.errors import RunLogError
from app.kit.secrets import public_text, redact_json
from app.kit.urls import scrub
from app.logs import mask_secrets
from app.quality.domain.feedback.quoting import quotable
from app.scoring.domain.results import failed
from app.scoring.judge import Case, NotSent, prepare, read_verdict
from app.scoring.rubric import RunReport, score
from support.secret_examples import LIVE, NEAR_MISSES, POSSIBLE

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ID = UUID(int=7)


def as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def incident(text: str) -> Incident:
    run = {"summary": text, "status": "failed", "created_at": NOW.isoformat()}
    return Incident(
        finding_id=str(ID),
        rule="consecutive_failures",
        severity="high",
        agent_id="nova",
        agent="Nova",
        message=f"nova failed: {text}",
        evidence={"last_run": run, "last_output": run},
        opened_at=NOW,
        events=frozenset({"opened"}),
        closing_evidence={"reason": text},
    )


def alert(text: str) -> str:
    message = alert_message("id", [incident(text)], NOW, "https://runlog.test")
    return f"{message.title}\n{message.text}"


def webhook(text: str) -> str:
    message = alert_message("id", [incident(text)], NOW, "https://runlog.test")
    return _body(Delivery(ID, "opened", "webhook", "high", NOW, 1, message)).decode()


def digest(text: str) -> str:
    found = [incident(text)]
    message = digest_message("id", Digest(NOW, NOW, found, 1, found, {}, None, None), "https://runlog.test")
    return f"{message.title}\n{message.text}\n{as_text(message.data)}"


def asked_judge(text: str) -> str:
    case = prepare(ID, RunReport("nova", "success", {"summary": "Moved 3 jobs", "note": text}), [], b"key")
    return case.prompt.user if isinstance(case, Case) else NotSent(case).value


def verdict(text: str) -> str:
    answer = {"overall": 0.5, "dimensions": {"outcome": 0.5}, "reasons": [text]}
    return " ".join(read_verdict(json.dumps(answer)).reasons)


def invalid_request(text: str) -> str:
    error = {"type": "value_error", "loc": ("body", text), "msg": f"wrong: {text}", "input": {"a": [text]}}
    return bytes(validation_error([error | {"ctx": {"error": text}}]).body).decode()


def cli_error(text: str) -> str:
    def crash(_: object) -> NoReturn:
        raise RunLogError(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "make_app", crash)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return str(ended.value.code)


class Crashing(ConsecutiveFailures):
    """A rule that stumbles over what it says."""

    def __init__(self, text: str) -> None:
        super().__init__(3)
        self.text = text

    def check(self, history: AgentHistory, *, is_open: bool = False) -> NoReturn:
        raise ValueError(self.text)


def rule_error(text: str) -> str:
    return as_text(evaluate([Crashing(text)], AgentHistory("nova", NOW)).errors)


FACES: dict[str, Callable[[str], str]] = {
    "public card": lambda text: public_text(text, 5_000),
    "cut public card": lambda text: public_text(text, 60),
    "quote of a finding": lambda text: quote(ReportedRun(str(ID), "failed", NOW, text)) or "",
    "alert": alert,
    "webhook": webhook,
    "digest": digest,
    "feedback to an agent": lambda text: quotable(text, 3_000) or "",
    "export": lambda text: as_text(redact_json({"summary": text, "list": [{"deep": text}], text: 1})),
    "prompt of the judge": asked_judge,
    "verdict of the judge": verdict,
    "invalid request": invalid_request,
    "error of a scorer": lambda text: failed("rubric", "1", text, NOW).error or "",
    "error of a rule": rule_error,
    "error of a channel": scrub,
    "error of a command": cli_error,
    "log": lambda text: as_text(mask_secrets(None, "", {"event": text, "error": text, "runs": [text]})),
}


@pytest.mark.parametrize("face", FACES)
def test_no_secret_leaves(face: str) -> None:
    leaked = []
    for sample in (*LIVE, *POSSIBLE):
        shown = " ".join(FACES[face](sample.text).replace("\\n", " ").split())
        spellings = {" ".join(sample.secret.split()), as_text(sample.secret)[1:-1].replace("\\n", " ")}
        if any(secret in shown for secret in spellings):
            leaked.append(str(sample))
    assert leaked == []


def leak_reasons(text: str) -> tuple[float, list[str]]:
    """The dimension `risk` of a report with this text, and the reasons that name a leak."""
    result = score(RunReport("nova", "success", {"summary": "Moved 3 jobs", "note": text}))
    return result.dimensions["risk"], [reason for reason in result.reasons if reason.startswith("leaks ")]


def test_a_live_secret_devalues_the_report_without_being_repeated() -> None:
    for sample in LIVE:
        risk, reasons = leak_reasons(sample.text)
        assert (risk, len(reasons)) == (0, 1), sample
        assert sample.secret not in reasons[0], sample


def test_what_is_no_live_secret_is_no_leak() -> None:
    texts = [text for _, text in NEAR_MISSES] + [sample.text for sample in POSSIBLE]
    assert [text for text in texts if leak_reasons(text)[1]] == []
