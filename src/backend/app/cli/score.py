"""`runlog score`: gathers the commands about scores, which are modules beside this one."""

import typer

app = typer.Typer(no_args_is_help=True, help="See, measure and improve how runs are scored.")
