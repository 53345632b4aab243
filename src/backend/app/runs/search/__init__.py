"""Searching the log by a text that runs contain, from an index that is made after the commit.

`items` says what of a run is indexed, `index` makes blocks of runs from the leaves of the sealed log, and
`lookup` finds the runs: blocks that may have the text, and then the runs themselves, which decide.
"""
