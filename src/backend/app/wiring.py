"""The settings of each room, from those of the process: rooms themselves read no environment."""

from datetime import timedelta

from pydantic import SecretStr

from app.alerts.settings import AlertSettings, ChannelSettings
from app.audit.settings import AuditSettings
from app.config import Settings
from app.errors import ConfigError, ProofFormatError
from app.intake.settings import OpenClawSettings
from app.kit.countries import parse_countries
from app.kit.daily_times import DailyTime, QuietHours
from app.kit.name_pairs import name_pairs
from app.proof.domain.note import COSIGNATURE, VerifierKey
from app.scoring.endpoint.settings import JudgeSettings


def audit_settings(settings: Settings) -> AuditSettings:
    """The Auditor's settings."""
    return AuditSettings(
        interval=timedelta(seconds=settings.audit_interval),
        failure_streak=settings.audit_failure_streak,
        silence_streak=settings.audit_silence_streak,
        countries=parse_countries(settings.audit_holidays or ""),
    )


def channel_settings(settings: Settings) -> ChannelSettings:
    """Where alerts are sent."""
    return ChannelSettings(
        urls=_revealed(settings.alert_urls),
        webhook_url=_revealed(settings.alert_webhook_url),
        webhook_secret=_revealed(settings.alert_webhook_secret) or None,
        timeout=settings.alert_timeout,
    )


def alert_settings(settings: Settings) -> AlertSettings:
    """When and where alerts are sent."""
    hours, digest = settings.alert_quiet_hours, settings.alert_digest
    return AlertSettings(
        channels=channel_settings(settings),
        reminder_interval=timedelta(seconds=settings.alert_reminder_interval),
        rate=settings.alert_rate,
        url=settings.pages_url,
        quiet_hours=QuietHours.parse(hours) if hours else None,
        digest=DailyTime.parse(digest) if digest else None,
    )


def openclaw_settings(settings: Settings) -> OpenClawSettings:
    """How what OpenClaw says is taken in."""
    return OpenClawSettings(
        agents=name_pairs(settings.openclaw_agents),
        timezone=settings.openclaw_timezone,
        store_prompts=settings.openclaw_store_prompts,
    )


def judge_settings(settings: Settings) -> JudgeSettings:
    """The judge's endpoint. Raises `ConfigError` without one, or with half of one."""
    settings.check_judge()
    if settings.judge_url is None or settings.judge_model is None:
        raise ConfigError("no judge is set: RUNLOG_JUDGE_URL and RUNLOG_JUDGE_MODEL")
    return JudgeSettings(
        url=settings.judge_url,
        model=settings.judge_model,
        api_key=_revealed(settings.judge_api_key),
        timeout=settings.judge_timeout,
    )


def witness_keys(settings: Settings) -> list[VerifierKey]:
    """The witnesses whose cosignatures are taken. Raises `ConfigError` for what is no key of a witness."""
    try:
        keys = [VerifierKey.parse(each) for each in settings.witness_keys.replace(",", " ").split()]
    except ProofFormatError as error:
        raise ConfigError(f"RUNLOG_WITNESS_KEYS: {error}") from error
    if wrong := next((key for key in keys if key.kind != COSIGNATURE), None):
        raise ConfigError(f"RUNLOG_WITNESS_KEYS: the key {wrong.name} is of no witness: its kind is not 4")
    return keys


def _revealed(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
