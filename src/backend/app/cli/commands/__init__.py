"""What each command is called, takes and says of itself.

A module here imports typer and the standard library at most: help, completion and wrong usage need no more,
and start at once. What a command does is in a module of that name one level up, imported when it is run.
"""
