"""Whose log-format string a text is, and its layout."""

from __future__ import annotations

from growth_assets.log_format import apache, nginx
from growth_assets.log_format.layout import Layout, LogFormatError


def layout_of(text: str) -> Layout:
    """The layout that a site's `log_format` setting means: Apache's notation, or nginx's where it names variables.

    Raises:
        LogFormatError: says what is wrong with the string.
    """
    first = text.strip().partition(" ")[0]
    if first in {"LogFormat", "log_format", "CustomLog"}:
        raise LogFormatError(f"give only the text between the quotes, without {first} and the name")
    if "\n" in text.strip("\n"):
        raise LogFormatError("a line break: join what stands between the quotes of several lines to one text")
    layout = nginx.layout(text) if nginx.VARIABLE.search(text) else apache.layout(text)
    if not any(field.name in {"status", "original_status"} for field in layout.fields):
        raise LogFormatError("no status: %>s or $status is what the action rules go by")
    return layout
