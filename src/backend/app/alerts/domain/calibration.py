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
LONGEST_PAUSE = timedelta(hours=12)
"""The longest `Retry-After` that is obeyed: an alert that waits longer is of no use."""

# What a message holds: it is read on a phone.
MOST_DETAILED = 4  # findings that are described in full; more than these are a line each
MOST_LISTED = 13  # lines, and one that counts the rest
MOST_LINES = 50  # lines that are kept for a shorter form of a message
MOST_NAMED = 3  # agents in a title
MOST_FOR_PROGRAMS = 200  # findings in a message's data
LONGEST_NAME = 60
"""Characters of an agent's name or id that a message shows; programs get all of it."""
LONGEST_LINK = 300
"""Characters of a link to one agent; where its id would make it longer, the link is to all findings."""

# How long a message may be, in the units of its receiver: those of `COUNT_UTF16` count UTF-16 code units,
# all others are taken to count bytes of UTF-8, which are never fewer.
CHAT_LENGTH = 3_000
"""The longest message to a chat whose own limit is larger or unknown, as a block of Slack."""
SHORT_LENGTH = 500
"""What a message is cut to that was rejected twice."""
LINE_LENGTH = 160
"""The last form that is tried after rejections: an SMS."""
RECEIVER_LENGTH = {
    "discord": 1_900,
    "tgram": 4_000,
    "ntfy": 3_900,
    "workflow": CHAT_LENGTH,
    "rocket": CHAT_LENGTH,
}
"""By scheme, where the library's limit leaves no room or is wrong: 2,000 characters (Discord), 4,096
characters (Telegram) and 4,096 bytes (ntfy), less room for what the library adds; 28 KB (Microsoft Teams),
5,000 characters (Rocket.Chat)."""
COUNT_UTF16 = frozenset({"discord", "tgram", "slack", "workflow", "gchat", "rocket"})
"""The schemes whose receivers count UTF-16 code units."""
