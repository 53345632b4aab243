"""The Celery application of worker and beat."""

import gc
import os
import signal
import time
from typing import Any

from celery import Celery, Task, signals

from app.broker import REDELIVERY_SECONDS, celery_settings
from app.config import get_settings
from app.embedded.process import die_with_parent
from app.logs import bind_task, configure_logging, unbind_task
from app.tasks.calibration import MAX_KIB
from app.tasks.schedule import beat_schedule
from app.tracing import span, start_tracing, stop_tracing

TASK_MODULES = tuple(
    f"app.tasks.{name}"
    for name in (
        "rlhf_tasks",
        "backfill_tasks",
        "judge_tasks",
        "reward_tasks",
        "audit_tasks",
        "alert_tasks",
        "rollup_tasks",
        "seal_tasks",
        "search_tasks",
        "verify_tasks",
        "checkpoint_tasks",
    )
)


class TracedTask(Task):
    """A task whose run is a span."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run it."""
        with span(self.name):
            return super().__call__(*args, **options)


class RunlogCelery(Celery):
    """Reads the settings when they are first needed, so that importing a task needs none."""

    task_cls = TracedTask

    def on_configure(self) -> None:
        """Celery's hook for its lazy configuration."""
        settings = get_settings()
        self.conf.update(
            celery_settings(settings.require_broker_url()),
            beat_schedule=beat_schedule(settings),
            # What a process has at hand beside its task would be served before any alert that comes later.
            worker_prefetch_multiplier=1,
            worker_max_memory_per_child=MAX_KIB,
            worker_consumer="app.tasks.consumer:Consumer",
            worker_hijack_root_logger=False,
            worker_cancel_long_running_tasks_on_connection_loss=False,
            task_acks_late=True,
            task_reject_on_worker_lost=True,
            task_time_limit=REDELIVERY_SECONDS - 30,
        )


celery_app = RunlogCelery("runlog", set_as_current=True, include=TASK_MODULES)


@signals.setup_logging.connect
def _setup_logging(**_: Any) -> None:
    configure_logging(get_settings())


_worker: int | None = None  # the process that others of this worker are copies of


@signals.worker_before_create_process.connect
def _before_copy(**_: Any) -> None:
    global _worker
    _worker = os.getpid()
    # A collection in the new process would write to every object, and make its pages that process's own.
    gc.collect()
    gc.freeze()


@signals.worker_process_init.connect
def _start_process(**_: Any) -> None:
    from app.tasks import runtime  # in a worker alone: beat, which loads this module too, runs no task

    die_with_parent(signal.SIGKILL, _worker)  # acks_late: what it was doing is redelivered
    start_tracing(get_settings())
    runtime.start()


@signals.worker_process_shutdown.connect
def _end_process(**_: Any) -> None:
    from app.tasks import runtime

    runtime.stop()
    stop_tracing()


@signals.task_prerun.connect
def _begin(task_id: str, task: Any, **_: Any) -> None:
    bind_task(task_id, task.name)
    task.request.update(started_at=time.perf_counter())


@signals.task_postrun.connect
def _end(task: Any, state: str | None, **_: Any) -> None:
    from app.metrics import TASK_SECONDS

    seconds = time.perf_counter() - task.request.started_at
    TASK_SECONDS.labels(task.name, (state or "unknown").lower()).observe(seconds)
    unbind_task()
