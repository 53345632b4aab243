"""How much of a payload's tree is shown at once."""

from typing import Any

from app.web.payload_tree import (
    LEVELS_AT_ONCE,
    MEMBERS_A_LEVEL,
    MEMBERS_AT_ONCE,
    MEMBERS_BELOW,
    TEXT_LENGTH,
    Node,
    tree,
    whole_text,
)


def shown(node: Node) -> int:
    """How many nodes are below `node`."""
    return sum(1 + shown(member) for member in node.members or ())


def test_a_usual_report_is_shown_whole() -> None:
    root = tree(
        {"summary": "Fixed it", "tests": {"run": "14"}, "files": ["a", "b"], "none": None, "empty": {}}
    )
    assert shown(root) == 8
    assert [(each.name, each.kind) for each in root.members or ()] == [
        ("summary", "string"),
        ("tests", "object"),
        ("files", "array"),
        ("none", "literal"),
        ("empty", "object"),
    ]
    files = (root.members or ())[2]
    assert [each.pointer for each in files.members or ()] == ["/files/0", "/files/1"]


def test_what_would_hide_the_rest_is_left_closed() -> None:
    root = tree({"few": ["x"] * MEMBERS_BELOW, "many": ["x"] * (MEMBERS_BELOW + 1), "last": "x"})
    assert [each.members is not None for each in root.members or ()] == [True, False, False]


def test_a_long_level_goes_on_where_it_was_left() -> None:
    value = {f"key {n}": "x" for n in range(5000)}
    names: list[str] = []
    start: int | None = 0
    while start is not None:
        root = tree(value, start=start)
        names += [each.name for each in root.members or ()]
        assert len(root.members or ()) <= MEMBERS_A_LEVEL
        start = root.following
    assert names == list(value)


def test_what_is_deep_or_much_is_left_to_be_opened() -> None:
    deep: Any = "end"
    for _ in range(90):
        deep = {"level": deep}
    node, levels = tree(deep), 0
    while node.members:
        node, levels = node.members[0], levels + 1
    assert (levels, node.members, node.is_container) == (LEVELS_AT_ONCE, None, True)
    broad = {str(n): {str(m): "x" for m in range(20)} for n in range(60)}
    assert shown(tree(broad)) <= MEMBERS_AT_ONCE


def test_a_start_behind_the_end_shows_nothing() -> None:
    root = tree({"a": "x"}, start=5)
    assert (root.members, root.following) == ([], None)


def test_a_long_text_is_cut_until_all_of_it_is_asked_for() -> None:
    node = (tree({"log": "x" * 1_000_000}).members or ())[0]
    assert (len(node.text), node.unshown) == (TEXT_LENGTH, 1_000_000 - TEXT_LENGTH)
    assert whole_text("x" * 1_000_000, "/log").unshown == 0
