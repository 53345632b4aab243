"""The cases, and what each way of handing over makes of them."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from trial.stub_model import OWN_SUMMARY, SUMMARY

Way = Literal["plugin", "webhook", "both"]
WAYS: tuple[Way, ...] = ("plugin", "webhook", "both")
"""`both` has OpenClaw's failure alerts beside the plugin and the webhook."""

WEBHOOK_PATH = "/api/v1/internal/openclaw/cron"

_SECONDS = 300  # no run takes as long, also where a machine is busy


@dataclass(frozen=True)
class Expected:
    """The rows of one case: their statuses, the newest first, and what the newest one holds.

    `summary` and `silent` are None where nothing is expected of them; `sources` are those of all rows.
    """

    statuses: Sequence[str] = ()
    summary: str | None = None
    silent: bool | None = None
    has_failed_tools: bool = False
    sources: frozenset[str] | None = None


NO_ROW = Expected()


@dataclass(frozen=True)
class Case:
    """A job and how its one run ends."""

    name: str
    payload: Mapping[str, Any]
    expected: Mapping[Way, Expected]
    is_killed: bool = False
    why: Mapping[Way, str] = field(default_factory=dict)
    """Why a way has other rows than the rest, to be printed."""

    def agent(self, way: Way) -> str:
        """The agent that has this case alone, in OpenClaw as in the log."""
        return f"{self.name}-{way}"

    def job(self, way: Way, backend_url: str, first_ms: int) -> dict[str, Any]:
        """The job, as `cron.add` takes it, which comes first at this moment, and again in a day.

        One that comes once is run again where it fails.
        """
        payload = dict(self.payload)
        if "message" in payload:
            message = f"{payload['message']} for {self.agent(way)} at {backend_url} please"
            payload |= {"message": message, "toolsAllow": ["*"]}
            payload.setdefault("timeoutSeconds", _SECONDS)
        webhook = {"mode": "webhook", "to": backend_url + WEBHOOK_PATH}
        alert = {"failureAlert": {**webhook, "after": 1}} if way == "both" else {}
        return {
            **alert,
            "name": f"trial {self.name}",
            "agentId": self.agent(way),
            "schedule": {"kind": "every", "everyMs": 24 * 3_600_000, "anchorMs": first_ms},
            "sessionTarget": "isolated",
            "wakeMode": "now",
            "payload": payload,
            "delivery": {"mode": "none"} if way == "plugin" else webhook,
        }


def _everywhere(expected: Expected) -> dict[Way, Expected]:
    alert = {"openclaw-alert"} if "failed" in expected.statuses else set()
    return {
        "plugin": _with(expected, {"openclaw-plugin"}),
        "webhook": _with(expected, {"openclaw-webhook"}),
        "both": _with(expected, {"openclaw-plugin", "openclaw-webhook"} | alert),
    }


def _with(expected: Expected, sources: AbstractSet[str]) -> Expected:
    return replace(expected, sources=frozenset(sources))


def _plugin_alone(expected: Expected, *also: str) -> dict[Way, Expected]:
    """Of these OpenClaw sends no webhook; `also` are the other sources where all of OpenClaw's are set up."""
    return {
        "plugin": _with(expected, {"openclaw-plugin"}),
        "webhook": NO_ROW,
        "both": _with(expected, {"openclaw-plugin", *also}),
    }


_NO_WEBHOOK: Mapping[Way, str] = {"webhook": "OpenClaw sends no webhook"}
_OWN = Expected(("success",), OWN_SUMMARY, silent=False)

CASES = (
    Case(
        "success",
        {"kind": "agentTurn", "message": "STUB-TEXT"},
        _everywhere(Expected(("success",), SUMMARY, silent=False)),
    ),
    Case("failure", {"kind": "agentTurn", "message": "STUB-FAIL"}, _everywhere(Expected(("failed",)))),
    Case(
        "command",
        {"kind": "command", "argv": ["sh", "-c", "echo half; exit 3"]},
        _everywhere(Expected(("failed",), "command exited with code 3")),
    ),
    Case(
        "timeout",
        {"kind": "agentTurn", "message": "STUB-HANG", "timeoutSeconds": 8},
        _plugin_alone(Expected(("failed",)), "openclaw-alert"),
        why=_NO_WEBHOOK,
    ),
    Case(
        "silent",
        {"kind": "agentTurn", "message": "STUB-SILENT"},
        _everywhere(Expected(("success",), silent=True)),
    ),
    Case(
        "empty",
        {"kind": "command", "argv": ["true"]},
        _plugin_alone(Expected(("success",), silent=True)),
        why=_NO_WEBHOOK,
    ),
    Case(
        "exit-code",
        {"kind": "agentTurn", "message": "STUB-EXIT"},
        {
            **_everywhere(Expected(("partial",), SUMMARY, has_failed_tools=True)),
            "webhook": _with(Expected(("success",), SUMMARY), {"openclaw-webhook"}),
        },
        why={"webhook": "the webhook does not know of it"},
    ),
    Case(
        "own-curl",
        {"kind": "agentTurn", "message": "STUB-CURL"},
        {
            "plugin": _with(_OWN, {"agent", "openclaw-plugin"}),
            "webhook": _with(Expected(("success", "success")), {"agent", "openclaw-webhook"}),
            "both": _with(_OWN, {"agent", "openclaw-plugin", "openclaw-webhook"}),
        },
        why={"webhook": "the agent's shell does not know the run's key"},
    ),
    Case(
        "kill-9",
        {"kind": "agentTurn", "message": "STUB-HANG"},
        _plugin_alone(Expected(("failed",), "cron: job interrupted by gateway restart"), "openclaw-alert"),
        is_killed=True,
        why=_NO_WEBHOOK,
    ),
)

HEARTBEAT = Case("heartbeat", {"kind": "heartbeat"}, dict.fromkeys(WAYS, NO_ROW))
"""OpenClaw's own job, which comes each minute; the agent of this case has no other."""
