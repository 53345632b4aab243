"""`runlog mcp`."""

from typing import Annotated

import typer


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP instead of stdio.")] = False,
    host: Annotated[str, typer.Option(help="With --http: the address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="With --http: the port; 0 takes a free one.")
    ] = 8765,
) -> None:
    """Serve the run log's tools to a model (MCP).

    By the Model Context Protocol it reports runs, lists them, and says how agents are doing, by the server at
    RUNLOG_URL. A client starts it itself, and talks to it by stdin and stdout.

    \b
    Examples:
      runlog mcp
      runlog mcp --http --port 8765
    """
    from app.cli import mcp as work

    if http:
        work.over_http(host, port)
    else:
        work.over_stdio()
