"""What the tests of backups share."""

from collections.abc import Iterator

import pytest

from support.background import Background


@pytest.fixture
def background() -> Iterator[Background]:
    """A loop beside the test, for its load."""
    own = Background()
    yield own
    own.close()
