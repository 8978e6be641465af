r"""What servers write in place of quotes, backslashes and bytes that are not ASCII.

Apache writes `\"`, `\\` and `\xNN`, nginx `\xNN` for all of them, or JSON's escapes. Those of control characters,
and of bytes that are not UTF-8, stay as written: they show what was sent, and no text could hold it.
"""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from growth_assets.log_format.layout import Escapes

_BACKSLASHED = re.compile(r'\\(["\\])|((?:\\x[0-9A-Fa-f]{2})+)')


def unescaped(text: str, escapes: Escapes) -> str:
    """The text that a server logged as `text`."""
    if "\\" not in text or escapes is Escapes.NONE:
        return text
    if escapes is Escapes.JSON:
        try:
            value = json.loads(f'"{text}"')
        except ValueError:
            return text
        return text if _cannot_be_kept(value) else str(value)
    return _BACKSLASHED.sub(_one, text)


def url_decoded(text: str) -> str:
    """The text that was sent, where it was logged with `%NN` for all that is not plain."""
    try:
        found = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
    return text if _cannot_be_kept(found) else found


def _one(found: re.Match[str]) -> str:
    if found[1]:
        return found[1]
    try:
        text = bytes.fromhex(found[2].replace("\\x", "")).decode("utf-8")
    except UnicodeDecodeError:
        return found[2]
    return found[2] if _cannot_be_kept(text) else text


def _cannot_be_kept(text: str) -> bool:
    return any(letter < " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in text)
