"""Spans of this process for a collector of OpenTelemetry, where `RUNLOG_TRACES_URL` names one; else nothing.

Without it nothing of OpenTelemetry is loaded here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from app.config import Settings
from app.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_EXPORT_SECONDS = (
    2.0  # for a request to the collector with its retries: a process that ends waits for the last
)

_provider: "TracerProvider | None" = None


def require_tracing(settings: Settings) -> None:
    """Raise `ConfigError` where spans are wanted and what exports them is not installed."""
    if settings.traces_url and not _is_installed():
        raise ConfigError("RUNLOG_TRACES_URL needs the extra `tracing`: pip install 'agent-run-log[tracing]'")


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # nor what it would be in
        return False


def start_tracing(settings: Settings) -> "TracerProvider | None":
    """Export the spans of this process from now on; return what makes them, None where no collector is set.

    Raises `ConfigError` as `require_tracing` does.
    """
    global _provider
    if settings.traces_url is None or _provider is not None:
        return _provider
    require_tracing(settings)
    from importlib.metadata import version

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = {"service.name": "agent-run-log", "service.version": version("agent-run-log")}
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say counts.
    resource = Resource(ours).merge(OTELResourceDetector().detect())
    exporter = OTLPSpanExporter(f"{settings.traces_url.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    _provider = TracerProvider(resource=resource)
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    return _provider


def stop_tracing() -> None:
    """Export what is left, for some seconds, and make no more spans."""
    global _provider
    if _provider is not None:
        _provider.shutdown()
        _provider = None


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """The block as a span, a child of the one it is in; failed where it raises.

    Of an error it says the type alone: its text may hold what an agent reported.
    """
    if _provider is None:
        yield
        return
    from opentelemetry.trace import StatusCode

    with _provider.get_tracer("agent-run-log").start_as_current_span(
        name,
        attributes={f"runlog.{key}": value for key, value in attributes.items()},
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield
        except BaseException as error:
            made.set_attribute("error.type", type(error).__name__)
            made.set_status(StatusCode.ERROR)
            raise
