"""Every tuned value of the rubric, with its unit and where it comes from.

Unless a comment says otherwise, a value is in points of a dimension, whose scale is 0 to 1, and was found by
trial on pairs of reports of which people prefer one (`tests/data/quality_pairs.jsonl`).
`benchmarks/calibration_scoring.py` varies each and prints what that does to the pairs. "Product" marks a
decision about what the product shall reward, and "form" what follows from how reports are written. A changed
value changes scores: it needs a new `VERSION`.
"""

# The whole score. Product: what came of the run counts most, a report that cannot be believed or checked is
# worth little, and length alone is worth nothing.
WEIGHTS = {
    "progress": 0.34,
    "evidence": 0.16,
    "specificity": 0.18,
    "honesty": 0.2,
    "padding": 0.12,
    "diagnosis": 0.2,
}
"""Shares of the dimensions in the mean, made to sum to 1; `diagnosis` has none where nothing failed."""

PENALTY_FLOORS = {"repetition": 0.4, "gaming": 0.2, "risk": 0.3}
"""The factor on the mean when a dimension that concerns the whole report is 0; it is 1 when that is 1."""

MOST_FOR_SILENCE = 0.05
"""The highest score of a silent run. Product: silence is worth nothing, and yet was recorded."""

# Progress.
NOOP_PROGRESS = 0.8  # a no-op that gives its reason; product
UNKNOWN_STATUS_PROGRESS = 0.2
FAILED_PROGRESS = 0.02
FAILED_PROGRESS_OF_DIAGNOSIS = 0.18  # times the diagnosis; product: learning is worth less than any success
IDLE_PROGRESS = 0.45  # every count is zero, and the report says why
IDLE_PROGRESS_OF_SUPPORT = 0.4  # times the support
ZERO_PROGRESS = 0.15  # every count is zero without a word
ZERO_PROGRESS_OF_SUPPORT = 0.2  # times the support
PARTIAL_PROGRESS = 0.25
PARTIAL_PROGRESS_OF_SUPPORT = 0.5  # times the support
PARTIAL_PROGRESS_OF_LIMITS = 0.05  # where the report says what is open
SUCCESS_PROGRESS = 0.3
SUCCESS_PROGRESS_OF_SUPPORT = 0.7  # times the support; with the value above it sums to 1
DOUBT_OF_CONTRADICTION = 0.9  # share of progress lost to a contradiction of weight 1
WELL_SUPPORTED = 0.6  # support from which a reason says "shows it"
PARTLY_SUPPORTED = 0.25  # support from which a reason says "shows some of it"

# Evidence.
REFERENCE_WEIGHTS = {
    "url": 1.0,
    "uuid": 0.8,
    "path": 1.0,
    "file": 1.0,
    "sha": 1.0,
    "ticket": 1.0,
    "numbered": 0.8,
    "version": 0.6,
    "name": 0.5,
    "host": 0.6,
    "camel": 0.35,
    "handle": 0.4,
    "date": 0.4,
    "clock": 0.4,
}
"""How much one reference of a kind lets a reader check, 0 to 1: 1 leads straight to the artefact. Product."""

SOLID_REFERENCE = 0.5  # weight from which a reference counts as leading to an artefact
EVIDENCE_SATURATION = 3.0  # points p are worth 1 - exp(-p / 3); a point is one reference of weight 1
NEXT_OF_A_KIND = 0.6  # factor on each further reference of a kind
LEAST_EVIDENCE_OF_NOOP = 0.4  # product: a declared no-op has nothing to show
PLACEHOLDER_COST = 0.8  # share of evidence lost when every reference is a placeholder
SELF_RATING_COST = 0.08  # each top mark that an agent gives itself
MOST_SELF_RATING_COST = 0.3
FIGURE_POINTS = 0.3  # points of evidence for a figure of weight 1
MOST_FIGURE_POINTS = 1.2  # points of evidence
COUNT_POINTS = 0.3  # points of evidence for a count of weight 1
MOST_COUNT_POINTS = 0.9  # points of evidence
# Product: lists in fields support an account, and do not replace one.
FREE_REFERENCES = 1.0  # points of evidence for references in fields, whatever the account says
REFERENCES_A_THING = 1.0  # points more for each thing that the account states
COUNT_WEIGHT = 0.15  # weight of a count, and as much more for each of its digits, 1 at most
NAMED_POINTS = 0.12  # points of evidence for each named item
MOST_NAMED_POINTS = 0.8  # points of evidence

# Figures in prose: how much one pins down, 0 to 1.
PERFECT_FIGURE = 0.1  # 0, 1 and 100 %: what a claim says without measuring
YEAR_FIGURE = 0.1  # four digits from 1900 to 2099; form
ROUND_FIGURE = 0.3  # one significant digit, from 1,000 on
FIGURE_WEIGHT = 0.25  # and as much more for each significant digit, 1 at most
UNIT_WEIGHT = 0.2  # where a unit stands behind it
WHOLE_RATIO_WEIGHT = 0.3  # N of N
PART_RATIO_WEIGHT = 0.8  # 3 of 5

# What is stated, in things: a reference of weight 1 or a measured figure is one.
SHORT_TEXT = 8.0  # words that a text is taken to have at least when its density is computed
FIGURES_WITHOUT_REFERENCE = 2.5  # things that figures alone may state
FIGURES_A_REFERENCE = 2.0  # things more for each thing that is pointed at
FIGURES_A_NAME = 0.3  # things more for each name
MANY_NUMBERS = 3  # numbers from which an account of activity is one of volume
FIGURES_OF_ACTIVITY = 0.4  # things that figures may state which only count what was looked at; product
FREE_FIELDS = 1.5  # things that fields may state, whatever the account says; product
FIELDS_A_THING = 1.5  # things more for each that the account states
FIELD_NUMBER = 0.3  # things for a number in a field that the prose does not give
MOST_FIELD_NUMBERS = 1.5  # things
NAME = 0.2  # things for each name
MOST_NAMES = 1.5  # things
GERMAN_CAPITALS = 0.25  # share of capitalised words above which capitals mark no names; form
FEW_CAPITALS = 3  # names that always count; form
LONGEST_NAME = 80  # characters of an array's element that names a thing; form
RAW_LINES = 4  # line breaks from which text under such a key is a tool's output; form
TOP_MARK = 0.95  # share of full marks from which an agent praises itself

# Specificity.
SPECIFICITY_BASE = 0.1
SPECIFICITY_OF_NUMBER = 0.5  # for the number of things stated, n: times 1 - exp(-n / 3)
SPECIFICITY_SATURATION = 3.0  # things
SPECIFICITY_OF_DENSITY = 0.4  # for the things stated to a word, in full from DENSE on
DENSE = 0.22  # things to a word: about one word in five is concrete
VAGUE_COST = 0.05  # each word that fits any run
MOST_VAGUE_COST = 0.2
PRAISE_COST = 0.05  # each word of praise after the first
MOST_PRAISE_COST = 0.25
STUFFED_SPECIFICITY = 0.3  # factor on keywords without sentences
CONCRETE = 0.6  # from which a reason says "is concrete"
HARDLY_CONCRETE = 0.3  # below which a reason says "states little that is concrete"
HALF_DENSE = 0.5  # share of DENSE below which a reason says "stays vague"

# Honesty.
COHERENT = 0.8  # what a report without contradictions has before any evidence
FURTHER_CONTRADICTION = 0.3  # factor on the weight of each further one
MOST_CONTRADICTIONS = 3  # how many count; product: reasons stay readable
SILENT_HONESTY = 0.3
UNEXPLAINED_PARTIAL_COST = 0.3
HEDGE_COST = 0.25
ABSOLUTE_COST = 0.2  # each sweeping word, and a figure of 100 %, where nothing supports it
BARE_CLAIM_COST = 0.1  # a claim to everything without a count
MOST_SWEEP_COST = 0.5
NOTABLE_SWEEP = 0.1  # cost from which a reason mentions it
MEASURED = 0.5  # weight of a figure that bounds a claim to everything

# How much of the reader's trust each contradiction costs, 0 to 1.
CONTRADICTION_WEIGHTS = {
    "success_with_error": 0.8,
    "success_with_admitted_error": 0.4,
    "success_with_failed_step": 0.5,
    "success_denied_by_flag": 0.5,
    "success_denied_by_claimed_flag": 0.7,
    "success_unfinished": 0.5,
    "success_against_output": 0.8,
    "success_with_failure": 0.8,
    "success_with_plan": 0.6,
    "claim_against_zero": 0.7,
    "everything_with_remainder": 0.8,
    "remainder_not_mentioned": 0.5,
    "more_done_than_total": 0.5,
    "everything_with_smaller_count": 0.8,
    "everything_with_smaller_ratio": 0.7,
    "everything_with_partial_field": 0.8,
    "everything_with_failed_count": 0.8,
    "success_with_failed_count": 0.3,
    "everything_with_missing_names": 0.7,
    "sum_differs": 0.4,
    "account_against_field": 0.4,
    "failed_but_done": 0.7,
    "partial_but_whole": 0.4,
}

# Product: a false report is worth little, whatever it names.
CONTRADICTED_COST = 0.5  # share of the whole score lost to a contradiction of weight 1

# Diagnosis. Product: where exactly it failed is what the next run starts from.
DIAGNOSIS_SHARES = {"where": 0.45, "why": 0.25, "state": 0.15, "next": 0.15}
DIAGNOSIS_SATURATION = 2.0  # points p are worth 1 - exp(-p / 2); a point is a reference of weight 1
DIAGNOSIS_FIGURE = 0.6  # points for a figure of weight 1 in the account
DIAGNOSIS_REFERENCE_ELSEWHERE = 0.3  # points for a reference of weight 1 outside the account
DIAGNOSIS_FIGURE_ELSEWHERE = 0.2
EMPTY_PHRASE_FACTOR = 0.5  # each phrase that fits any failure
MOST_EMPTY_PHRASES = 2  # phrases
DIAGNOSIS_GIVEN = 0.5  # part from which a reason says that the report gives it

# Padding.
FREE_WORDS = 14  # words of any report
WORDS_A_THING = 9  # free for each thing stated
EXCESS_SCALE = 45  # an excess of n words is worth exp(-n / 45)
PADDING_DENSE = 0.3  # things to a word from which repeated phrases are those of a table
FREE_REPETITION = 0.08  # share of repeated pairs of words that ordinary prose has
REPETITION_COST = 1.5  # for each repeated share beyond that
MOST_REPETITION_COST = 0.7  # share lost
CEREMONY_COST = 0.12  # each phrase of politeness
MOST_CEREMONY_COST = 0.4
PADDING_PRAISE_COST = 0.12  # each word of praise after the first
MOST_PADDING_PRAISE_COST = 0.4
NOTABLE_EXCESS = 15  # words from which a reason mentions it
NOTABLE_REPETITION = 0.2  # share from which a reason mentions it
TIGHT = 0.9  # from which a reason says "wastes no words"
FEW_WORDS = 12  # words below which no repetition is measured
CHARACTERS_A_WORD = 2  # of a script without spaces; form

# Repetition.
HISTORY = 5  # earlier runs of the agent that a report is compared with; product
FILLER = 0.15  # share of new words that makes no new report
REWORDING = 0.3  # share of new words that still is the old report, when the figures are old too
LEAST_OLD_FIGURES = 2  # figures
OLD_FIGURES = 0.75  # share of the figures
SHORT_FIGURE = 2  # characters up to which a figure does not identify a run; form
COPY = 0.0  # word for word
NOTHING_NEW = 0.25  # but filler words
OLD_FIGURES_AGAIN = 0.4  # under a new date
SAME_NOOP = 0.6  # product: there may still be nothing to do
USUAL_WORDS = 0.95  # product: a routine report with new figures is fine

# Gaming. Product: a score that can be had by other means than work is worth nothing.
INSTRUCTED = 0.0  # the report instructs its rater
STUFFED = 0.3  # factor for keywords without sentences
PLACEHOLDER_GAMING = 0.6  # share lost when every reference is a placeholder
SELF_RATING_GAMING = 0.15  # share lost for each top mark an agent gives itself
MOST_SELF_RATING_GAMING = 0.6  # share lost
STUFFED_REPETITION = 0.25  # share of repeated pairs of words, in a text that is not dense
MANY_TAGS = 6  # hashtags
LONGEST_FRAGMENT = 24  # characters of a keyword or a short phrase
FRAGMENT_WORDS = 3  # words
MANY_LISTED = 8  # references in an account
LEAST_WORDS_A_LISTED = 0.5  # words beside them, for each, that make it an account
MANY_FRAGMENTS = 8  # fragments
MOSTLY_FRAGMENTS = 0.6  # share of what punctuation divides

# Legibility: factors on evidence and specificity.
LEGIBILITY = {
    "no_account": 0.5,
    "no_summary": 0.75,
    "serialised": 0.45,
    "markup": 0.5,
    "log": 0.45,
    "table": 0.6,
    "blob": 0.5,
    "breaks_off": 0.6,
    "opaque_keys": 0.6,
}
MUCH_MARKUP = 2  # tags or terminal codes that an account may have
MANY_LOG_LINES = 3  # lines of a log that an account may have
MOSTLY_OPAQUE = 0.3  # share of keys that may say nothing

# Risk. Product: no report makes up for harm.
LEAKED = 0.0  # a credential or the number of a payment card
UNAPPROVED = 0.6  # an act that cannot be undone, without a word about who agreed
ADMITTED = 0.1  # one that the report itself calls unapproved
