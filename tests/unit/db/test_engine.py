"""Database URLs in the forms people have them."""

import pytest

from app.db.engine import libpq_url
from app.db.hosts import single_host_urls
from app.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgres://u:p@h/d", "postgresql://u:p@h/d"),
        ("postgresql+psycopg://u@h:5433/d", "postgresql://u@h:5433/d"),
        ("postgresql+asyncpg://u@h/d?ssl=require", "postgresql://u@h/d?sslmode=require"),
        (
            "postgresql://u@a:1,b:2/d?target_session_attrs=read-write&connect_timeout=3",
            "postgresql://u@a:1,b:2/d?target_session_attrs=read-write",
        ),
        ("postgresql://u@a,b/d", "postgresql://u@a,b/d?target_session_attrs=read-write"),
        ("postgresql://u:p,w@a/d", "postgresql://u:p,w@a/d"),
        ("postgresql:///d?host=a%2Cb", "postgresql:///d?host=a%2Cb&target_session_attrs=read-write"),
        (
            "postgresql://a,b/d?target_session_attrs=any",
            "postgresql://a,b/d?target_session_attrs=any",
        ),
        ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
        ("postgresql://u@h/d?channel_binding=require&keepalives_idle=5", "postgresql://u@h/d"),
    ],
)
def test_a_url_is_read_as_asyncpg_needs_it(given: str, read: str) -> None:
    assert libpq_url(given) == read


@pytest.mark.parametrize("url", ["", "mysql://h/d", "postgresql:/h", "h:5432"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="postgresql://"):
        libpq_url(url)


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("postgresql://u:p,w@a:1/d", ["postgresql://u:p,w@a:1/d"]),
        ("postgresql:///d", ["postgresql:///d"]),
        ("postgresql://u@a:1,b/d?x=1", ["postgresql://u@a:1/d?x=1", "postgresql://u@b/d?x=1"]),
        ("postgresql://[::1]:1,[::2]/d", ["postgresql://[::1]:1/d", "postgresql://[::2]/d"]),
        ("postgresql://a,b", ["postgresql://a", "postgresql://b"]),
        (
            "postgresql:///d?host=a,%2Frun&port=1,2&user=u",
            ["postgresql:///d?host=a&port=1&user=u", "postgresql:///d?host=%2Frun&port=2&user=u"],
        ),
        (
            "postgresql:///d?host=a,b&port=1",
            ["postgresql:///d?host=a&port=1", "postgresql:///d?host=b&port=1"],
        ),
        ("postgresql:///d?host=a%2Cb", ["postgresql:///d?host=a", "postgresql:///d?host=b"]),
    ],
)
def test_each_of_several_hosts_has_a_url_of_its_own(url: str, urls: list[str]) -> None:
    assert single_host_urls(url) == urls


def test_ports_must_fit_their_hosts() -> None:
    with pytest.raises(ValueError, match="3 hosts and 2 ports"):
        single_host_urls("postgresql:///d?host=a,b,c&port=1,2")
