"""What is wrong with the disk -> an error that says where we write: full, read-only, not allowed. A rerun goes on where that stopped it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from slsdeploy.errors import ToolError

# what only writing meets
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# what is wrong with the disk, not with us
_DISK = (*FULL, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)


@contextmanager
def ours(hint: str) -> Iterator[None]:
    """Translate what the block meets.

    Raises ToolError, with the hint.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise ToolError(f"cannot write: {error.strerror}", hint, str(error.filename or "")) from error
