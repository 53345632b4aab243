"""Settings: environment variables, the settings file, and a running `runlog up`."""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from app.environment import (
    BESIDE_DATABASE_URL,
    DEFAULT_URL,
    data_directory,
    environment_name,
    nothing_runs,
    read_settings,
)
from app.errors import ConfigError
from app.kit.countries import parse_countries
from app.kit.daily_times import DailyTime, QuietHours, time_zone
from app.kit.hosts import host_names
from app.kit.name_pairs import name_pairs
from app.kit.signature import signing_key
from app.kit.urls import named_urls

_DATABASE_URL = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")
_HTTP_URL = re.compile(r"(?i)https?://[^\s/]+(?:/\S*)?")


def _checked_by(parse: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        parse(text)
        return text

    return check


class Settings(BaseModel):
    """Effective settings, from: an argument, variable, settings file, running `runlog up`, default."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr | None = None
    celery_broker_url: SecretStr | None = None
    schema_database_url: SecretStr | None = None
    replica_database_url: SecretStr | None = None
    replica_max_lag: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
    data_dir: Path = Field(default_factory=data_directory)
    url: str = DEFAULT_URL
    public_url: str | None = None

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    traces_url: str | None = None

    expose: Literal["all", "public", "internal"] = "all"
    token: SecretStr | None = None
    reports_need_token: bool = False
    allowed_hosts: Annotated[str, AfterValidator(_checked_by(host_names))] = ""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024

    ingest_queue_size: Annotated[int, Field(ge=1)] = 10_000
    ingest_queue_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024
    ingest_batch_size: Annotated[int, Field(ge=1, le=10_000)] = 256
    ingest_connections: Annotated[int, Field(ge=1, le=32)] = 3
    # With the driver's two seconds to hang up and one in the queue, sooner than the ten that agents wait.
    database_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0

    # Longer than OpenClaw remembers its runs: an import of these finds them known.
    idempotency_days: Annotated[int, Field(ge=8, le=36_500)] = 90

    payload_days: Annotated[int, Field(ge=1, le=36_500)] | None = None

    signing_key_file: Path | None = None
    checkpoint_webhook: SecretStr | None = None
    checkpoint_file: Path | None = None
    checkpoint_urls: SecretStr | None = None
    timestamp_url: SecretStr | None = None
    witness_keys: str = ""

    score_sweep_interval: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 15.0
    score_sweep_age: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60.0

    reward_train_after: Annotated[int, Field(ge=1)] = 25

    audit_interval: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 300.0
    audit_failure_streak: Annotated[int, Field(ge=1)] = 3
    audit_silence_streak: Annotated[int, Field(ge=1)] = 3
    audit_holidays: Annotated[str, AfterValidator(_checked_by(parse_countries))] | None = None

    audit_ping_url: SecretStr | None = None

    alert_urls: SecretStr | None = None
    alert_webhook_url: SecretStr | None = None
    alert_webhook_secret: SecretStr | None = None
    # Several tries must fit into the time of a task.
    alert_timeout: Annotated[float, Field(gt=0, le=30, allow_inf_nan=False)] = 10.0
    alert_reminder_interval: Annotated[float, Field(ge=60, allow_inf_nan=False)] = 24 * 3600.0
    alert_rate: Annotated[int, Field(ge=1)] = 6
    alert_quiet_hours: Annotated[str, AfterValidator(_checked_by(QuietHours.parse))] | None = None
    alert_digest: Annotated[str, AfterValidator(_checked_by(DailyTime.parse))] | None = None

    openclaw_token: SecretStr | None = None
    openclaw_agents: Annotated[str, AfterValidator(_checked_by(name_pairs))] = ""
    openclaw_timezone: Annotated[str, AfterValidator(_checked_by(time_zone))] | None = None
    openclaw_store_prompts: bool = False

    hermes_secret: SecretStr | None = None

    judge_url: str | None = None
    judge_model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    judge_api_key: SecretStr | None = None
    judge_sample: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    judge_daily_budget: Annotated[int, Field(ge=0, le=1_000_000_000)] = 500
    # A try must end within the time of a task.
    judge_timeout: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 30.0

    @model_validator(mode="before")
    @classmethod
    def _read_environment(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        return read_settings(cls.model_fields, arguments.get("data_dir")) | arguments

    @field_validator(*BESIDE_DATABASE_URL)
    @classmethod
    def _database_url_is_one(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not _DATABASE_URL.match(value.get_secret_value()):
            raise ValueError("must start with postgresql://")
        return value or None

    @field_validator("alert_urls", "checkpoint_urls")
    @classmethod
    def _urls_are_some(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            named_urls(value.get_secret_value())
        return value

    @field_validator("alert_webhook_url", "audit_ping_url", "checkpoint_webhook", "timestamp_url")
    @classmethod
    def _url_is_one(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not _HTTP_URL.fullmatch(value.get_secret_value()):
            raise ValueError("must be one URL that starts with https:// or http://")
        return value

    @field_validator("judge_url", "public_url", "traces_url")
    @classmethod
    def _http_url_is_one(cls, value: str | None) -> str | None:
        if value and not _HTTP_URL.fullmatch(value):
            raise ValueError("must be one URL that starts with https:// or http://")
        return value or None

    @field_validator("judge_api_key", "openclaw_token", "token")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[!-~]*", value.get_secret_value()):
            raise ValueError("must be visible ASCII characters")
        return value

    @field_validator("alert_webhook_secret")
    @classmethod
    def _secret_is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            signing_key(value.get_secret_value())
        return value

    def require_database_url(self) -> str:
        """The database's URL, or `ConfigError` saying how to get one."""
        if self.database_url is None:
            raise ConfigError(f"DATABASE_URL is not set and {nothing_runs()}")
        return self.database_url.get_secret_value()

    def require_schema_url(self) -> str:
        """The URL of the database for what needs a session; raises as `require_database_url` does."""
        direct = self.schema_database_url
        return direct.get_secret_value() if direct else self.require_database_url()

    @property
    def pages_url(self) -> str:
        """Where people reach the pages, without a slash at its end."""
        return (self.public_url or self.url).rstrip("/")

    @property
    def signing_keys_path(self) -> Path:
        """The file of the keys that the log's checkpoints are signed with."""
        return self.signing_key_file or self.data_dir / "log-signing-keys"

    @property
    def judge_is_on(self) -> bool:
        """Whether a judge is configured."""
        return bool(self.judge_url and self.judge_model)

    def check_judge(self) -> None:
        """Raise `ConfigError` for half a judge, where runs are judged: no run is refused for it elsewhere."""
        if bool(self.judge_url) != bool(self.judge_model):
            given, missing = ("MODEL", "URL") if self.judge_model else ("URL", "MODEL")
            raise ConfigError(f"RUNLOG_JUDGE_{given} is set, and RUNLOG_JUDGE_{missing} is not")

    def require_broker_url(self) -> str:
        """The broker's URL, or `ConfigError` saying how to get one."""
        if self.celery_broker_url is None:
            raise ConfigError(f"CELERY_BROKER_URL is not set and {nothing_runs()}")
        return self.celery_broker_url.get_secret_value()


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Read the settings once a process. Raises `ConfigError` naming the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = environment_name(str(first["loc"][0]))
        raise ConfigError(f"{variable}: {first['msg'].removeprefix('Value error, ')}") from error
