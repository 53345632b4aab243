"""The review queue in a real browser: by keys, by buttons, without scripts."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import (
    HOSTILE,
    TIMEOUT_MS,
    Visitor,
    problems,
    visiting,
)
from support.processes import Served

expect.set_options(timeout=TIMEOUT_MS)

REPORTS = "/api/v1/internal/agent-run-log"


@pytest.fixture(scope="module", autouse=True)
def runs(site: Served) -> None:
    """Six runs, one an agent: so each is as much worth a rating as the others."""
    for number in range(6):
        actions = {"summary": f"Fixed leak {number}", "files": [f"session{number}.py"]}
        body = {"agent_id": f"agent-{number}", "status": "success", "actions_taken": actions}
        assert httpx.post(site.url + REPORTS, json=body).status_code == 204


def ratings(site: Served, rater: str) -> dict[str, float]:
    """What somebody gave, by agent."""
    found: dict[str, float] = {}
    for run in httpx.get(site.url + REPORTS).json()["runs"]:
        answer = httpx.get(f"{site.url}{REPORTS}/{run['id']}/feedback").json()
        given: dict[str, float] = {each["rater"]: each["rating"] for each in answer["ratings"]}
        if rater in given:
            found[run["agent_id"]] = given[rater]
    return found


def agent(page: Page) -> str:
    """Whose run is shown."""
    return page.locator("#run").inner_text()


def test_a_run_is_rated_by_one_key_undone_by_another_and_skipped_by_a_third(
    visitor: Visitor, site: Served
) -> None:
    page = visitor.open("/review")
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("0 ratings today · 6 left")).to_be_visible()
    expect(page.get_by_label("Report")).to_contain_text('"files": [')
    expect(page.get_by_text("Why this run:")).to_be_visible()
    first = agent(page)
    page.keyboard.press("4")
    expect(page.get_by_role("status").filter(has_text="4 of 5, good")).to_contain_text(f"You gave {first}")
    expect(page.get_by_text("1 rating today · 5 left")).to_be_visible()
    assert ratings(site, "ada") == {first: 0.75}
    page.keyboard.press("u")
    expect(page.locator("#run")).to_have_text(first)
    expect(page.get_by_text("0 ratings today · 6 left")).to_be_visible()
    assert ratings(site, "ada") == {}
    page.keyboard.press("s")
    expect(page.locator("#run")).not_to_have_text(first)
    for left in range(4, -1, -1):
        page.keyboard.press("s")
        if left:
            expect(page.locator("#run")).not_to_have_text(first)
    expect(page.get_by_role("heading", name="You have skipped all that is left")).to_be_visible()
    page.get_by_role("link", name="Show them again").click()
    expect(page.locator("#run")).to_have_text(first)
    assert ratings(site, "ada") == {}


def test_keys_do_nothing_while_one_types_or_with_modifiers_or_when_switched_off(
    visitor: Visitor, site: Served
) -> None:
    page = visitor.open("/review?rater=ben")
    address = page.url
    comment = page.get_by_label("Comment")
    comment.press_sequentially("15su")
    expect(comment).to_have_value("15su")
    comment.blur()
    for key in ("Control+5", "Alt+5", "Meta+s", "Shift+S", "7"):
        page.keyboard.press(key)
    page.get_by_label("Rate by keys").uncheck()
    page.keyboard.press("5")
    page.reload()
    expect(page.get_by_label("Rate by keys")).not_to_be_checked()
    page.keyboard.press("5")
    expect(page.get_by_text("0 ratings today")).to_be_visible()
    assert page.url == address
    page.get_by_label("Rate by keys").check()
    page.keyboard.press("1")
    expect(page.get_by_text("1 rating today")).to_be_visible()
    assert set(ratings(site, "ben").values()) == {0.0}


def test_a_name_that_was_given_before_is_not_asked_for_again(visitor: Visitor) -> None:
    page = visitor.open("/review")
    page.get_by_label("Your name").fill("cleo")
    page.get_by_role("button", name="Begin").click()
    page.goto(page.url.partition("?")[0])
    page.wait_for_url("**/review?rater=cleo")
    page.get_by_role("link", name="another name").click()
    expect(page.get_by_label("Your name")).to_have_value("cleo")


def test_the_score_is_hidden_until_it_is_asked_for(visitor: Visitor) -> None:
    page = visitor.open("/review?rater=dora")
    score = page.get_by_text("It has no score.")
    expect(score).to_be_hidden()
    page.get_by_text("Show its score").click()
    expect(score).to_be_visible()


def test_without_scripts_buttons_do_all_of_it(browser: Browser, site: Served) -> None:
    with visiting(browser, site.url, java_script_enabled=False) as visitor:
        page = visitor.open("/review?rater=eve")
        first = agent(page)
        page.get_by_label("Comment").fill("shows its work")
        page.get_by_role("button", name="as it should be").click()
        assert ratings(site, "eve") == {first: 1.0}
        page.get_by_role("button", name="Undo").click()
        assert ratings(site, "eve") == {}
        page.get_by_role("link", name="s skip", exact=True).click()
        assert agent(page) != first


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("rate", {"rater": "ada", "mark": "6"}, 422),
        ("rate", {"rater": " ", "mark": "5"}, 422),
        ("rate", {"rater": "x" * 256, "mark": "5"}, 422),
        ("rate", {"rater": "ada", "mark": "5"}, 404),
        ("rate", {"rater": "ada", "mark": "5", "run": "0" * 32}, 404),
        ("undo", {"rater": "ada", "run": "0" * 32, "given": "2026-11-24T09:00:00+00:00"}, 404),
        ("undo", {"rater": "ada", "run": "0" * 32, "given": "yesterday"}, 404),
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing(
    site: Served, path: str, data: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{site.url}/review/{path}", data=data, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


def test_it_serves_everybody(visitor: Visitor, site: Served) -> None:
    body = {
        "agent_id": HOSTILE,
        "status": "failed",
        "actions_taken": {"summary": HOSTILE, HOSTILE: [HOSTILE]},
    }
    assert httpx.post(site.url + REPORTS, json=body).status_code == 204
    run_id = httpx.get(site.url + REPORTS, params={"agent_id": HOSTILE}).json()["runs"][0]["id"]
    page = visitor.open(f"/review?rater=flo&run={run_id}")
    expect(page.locator(".summary")).to_contain_text("<script>document.title=2</script> U+202Eevil")
    expect(page.get_by_label("Report")).to_contain_text("onerror")
    assert page.locator("main script, main img").count() == 0
    assert page.title() == "Review · Agent Run Log"
    assert problems(page) == []
