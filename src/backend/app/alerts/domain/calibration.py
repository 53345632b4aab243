"""Every chosen value of alerts, with its unit and why it is so. They are decisions of the product."""

from datetime import timedelta

# Pace.
RATE_WINDOW = timedelta(hours=1)
"""The time over which messages to a channel are counted; `RUNLOG_ALERT_RATE` is so many in it."""
GIVE_UP_AFTER = timedelta(days=3)
"""How long after its first try a notification is tried again: a weekend without a mail server."""
LEASE = timedelta(minutes=2)
"""How long a notification is one process's. Longer than a try and a task may take."""
KEPT = timedelta(days=90)
"""How long it is shown how a notification went: a quarter, as audits are looked back on."""
LATEST_DIGEST = timedelta(hours=6)
"""How late a digest still goes out: one for the morning may come in the afternoon, not at night."""

# What a message holds: it is read on a phone.
MOST_DETAILED = 4  # findings that are described in full; more than these are a line each
MOST_LISTED = 13  # lines, and one that counts the rest
MOST_NAMED = 3  # agents in a title
MOST_FOR_PROGRAMS = 200  # findings in a message's data
