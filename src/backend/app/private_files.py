"""Files that their owner alone may read."""

import os
from pathlib import Path


def write_private(path: Path, content: str) -> None:
    """Replace a file by one that only we may read, whole or not at all, and kept through a power cut.

    Makes the directories that it is in. Raises `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
