"""`runlog score`: gathers the commands about scores, which are modules beside this one."""

import typer

from app.cli import score_judge
from app.cli.score_agreement import agreement
from app.cli.score_backfill import backfill
from app.cli.score_eval import evaluate_scorer
from app.cli.score_review import review
from app.cli.score_reward import models, rollback, train
from app.cli.score_status import status
from app.cli.score_trend import trend

app = typer.Typer(no_args_is_help=True, help="See, measure and improve how runs are scored.")
app.command()(status)
app.command()(backfill)
app.command("eval")(evaluate_scorer)
app.command()(trend)
app.command()(agreement)
app.command()(review)
app.add_typer(score_judge.app, name="judge")
app.command()(train)
app.command()(models)
app.command()(rollback)
