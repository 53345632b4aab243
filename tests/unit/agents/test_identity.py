"""What agents are called."""

import pytest

from app.agents.identity import identify


@pytest.mark.parametrize("agent_id", ["sage", "aurora", "nova", "atlas", "lyra", "luma", "helios", "scout"])
def test_the_specifications_agents_have_names(agent_id: str) -> None:
    assert identify(agent_id).name == agent_id.capitalize()


def test_sage_is_backend() -> None:
    assert identify("sage").title == "Sage -- Backend"
    assert identify("SAGE").title == "Sage -- Backend"


@pytest.mark.parametrize("agent_id", ["sage", "aurora", "nova", "atlas", "lyra", "luma", "helios", "scout"])
def test_the_specifications_agents_have_roles(agent_id: str) -> None:
    assert identify(agent_id).role
    assert identify(agent_id, role="").role
    assert identify(agent_id, role="Chores").title == f"{agent_id.capitalize()} -- Chores"


@pytest.mark.parametrize(("role", "title"), [(None, "janitor"), ("", "janitor"), ("Dust", "janitor -- Dust")])
def test_the_title_is_the_bare_name_without_a_role(role: str | None, title: str) -> None:
    assert identify("janitor", role=role).title == title


def test_an_unknown_agent_is_called_by_its_id_and_has_no_role() -> None:
    assert identify("Data Janitor") == ("Data Janitor", None)


def test_what_is_declared_wins() -> None:
    assert identify("sage", "Sage the Second", "Platform").title == "Sage the Second -- Platform"
