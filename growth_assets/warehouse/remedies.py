"""What to do about an error of a disk: whoever reads the message may not know that nothing is lost."""

from __future__ import annotations

import errno
import re

_NUMBER = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
"""How Python and Polars name the operating system's error."""

_REMEDIES = {
    errno.ENOSPC: "Make room on that disk",
    errno.EDQUOT: "Make room within the quota of that disk",
    errno.EROFS: "Make that disk writable",
    errno.EACCES: "Let the user who builds read and write there",
    errno.EPERM: "Let the user who builds read and write there",
}


def with_remedy(message: str) -> str:
    """The message of an error, and what to do about it where it is one that a disk makes."""
    named = _NUMBER.search(message)
    remedy = _REMEDIES.get(int(named[1] or named[2])) if named else None
    return f"{message}. {remedy}, and run `growth-assets build` again: what was published stays." if remedy else message
