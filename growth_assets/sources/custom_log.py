"""Access logs in a format of the site's own: by the `LogFormat` or `log_format` string in its settings."""

from __future__ import annotations

from growth_assets.log_format.notation import layout_of
from growth_assets.sources.access_log import AccessLogParser
from growth_assets.sources.errors import SourceError
from growth_assets.sources.format import Context, TextFormat
from growth_assets.sources.logged import Meaning
from growth_assets.sources.patterns import patterns_of


def _parser(context: Context) -> AccessLogParser:
    if context.log_format is None:
        raise SourceError(f"{context.file}: the source in site.toml sets no log_format to read it by.")
    layout = layout_of(context.log_format)
    return AccessLogParser(layout, patterns_of(layout), Meaning(), context)


FORMAT = TextFormat(
    "log_format", lambda lines: 0.0, _parser, "lines by the source's own log_format, which has to be set",  # noqa: ARG005
    line_by_line=True,
)  # fmt: skip
"""Never found by content. Not self-delimiting: many a format ends in a number, of which any beginning is one too."""
