"""What the tests of reporting share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.reporting import Shell, listened_to


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell whose reports somebody listens to, with a spool of its own below `tmp_path`."""
    with listened_to() as shell:
        yield shell
