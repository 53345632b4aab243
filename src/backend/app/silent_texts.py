"""Texts that are no output of a run, for the rule of silence in Python and in SQL alike."""

BLANKS = (
    "".join(map(chr, (*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B))))
    + "\u2028\u2029\u202f\u205f\u3000"
)
"""White space: the characters of which Python's `str.isspace` is true. A text of these alone is blank."""

QUIET_REPLIES = ("NO_REPLY", "HEARTBEAT_OK")
"""Summaries with which a scheduled agent reports that there was nothing to report."""

# fmt: off
QUIET_WORDS = frozenset(
    {
        "no reply", "heartbeat ok", "heartbeat", "silent", "quiet", "empty", "empty response",
        "no response", "no output", "no update", "no updates", "no changes", "no news", "nothing",
        "nothing new", "nothing to do", "nothing to report", "none", "null", "n a", "ok", "okay", "done",
        "all done", "all good", "success", "successful", "completed", "complete", "finished",
        "task completed"
    }
)
"""Summaries that tell of nothing, apart from case, white space and all that is neither letter nor digit."""

METADATA = frozenset(
    {
        "agent", "agentid", "attempt", "attempts", "channel", "cost", "costusd", "createdat", "delivered",
        "deliverystatus", "duration", "durationms", "elapsed", "elapsedms", "endedat", "exitcode",
        "finishedat", "host", "hostname", "id", "ids", "inputtokens", "jobid", "jobname", "kind",
        "latency", "latencyms", "messageid", "model", "nextrunat", "outputtokens", "pid", "provider",
        "requestid", "runid", "runtime", "schedule", "sessionid", "sessionkey", "source", "startedat",
        "stopreason", "time", "timestamp", "tokens", "totaltokens", "traceid", "ts", "type", "usage",
        "version"
    }
)
# fmt: on
"""Keys of what a scheduler adds to a report and no agent wrote, in small letters without `_` and `-`."""
