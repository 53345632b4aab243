"""Database URLs in the forms people have them."""

import pytest

from app.db.engine import libpq_url
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
