"""Training of the reward model, as beat starts it."""

from app.config import get_settings
from app.db.session import transaction
from app.logs import get_logger
from app.scoring.reward_training import is_due, lock_training, train_now
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.runtime import run_async

log = get_logger(__name__)


@celery_app.task
def train_reward_model() -> None:
    """Train on people's ratings when enough of them are new; do nothing while another task trains.

    All of it is one transaction: a training that is killed leaves nothing.
    """
    run_async(_train())


async def _train() -> None:
    trained = None
    with postponed_on_outage("reward_training_postponed"):
        async with transaction() as session:
            after = get_settings().reward_train_after
            if not await lock_training(session) or not await is_due(session, after=after):
                return
            trained = await train_now(session)
    if trained is not None:
        log.info(
            "reward_model_trained", version=trained.version, state=trained.state, ratings=trained.ratings
        )
