"""What the tests of reporting share."""

from collections.abc import Iterator

import pytest

from support.reporting import Shell, listened_to


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell whose reports somebody listens to."""
    with listened_to() as shell:
        yield shell
