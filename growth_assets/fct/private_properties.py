"""Properties that hold an address or a user agent, by their names: they stay in the raw layer.

Senders put what they like into other_properties, and logs of proxies name several addresses beside the client's.
What a property holds under another name is the sender's own word, and is left as it is; what a log holds without a
name (headers that HAProxy captured, fields that a load balancer's log got since) may be either, and stays too.
"""

from __future__ import annotations

import polars as pl

from growth_assets.contracts.columns import MAP

_WHERE = (
    r"(?:http_|context_|env_|note_|request_|headers?_|properties_|initial_|set_(?:once_)?|raw_|realip_|\$|x_|cf_"
    r"|fastly_)*"
)
_WHOSE = "(?:(?:client|remote|user|visitor|peer|source|src|real|original|connecting|forwarded|host|true)_?)"
PRIVATE = (
    rf"^(?:captured_headers|further_fields|{_WHERE}(?:{_WHOSE}*ip(?:_?(?:v4|v6|addr|address))?|{_WHOSE}_?(?:addr|address)|(?:remote|client)_?host"
    r"|(?:proxy_add_)?(?:x_)?forwarded(?:_for)?|user_?agent))$"
)
"""Expression for the names, in lower case, words parted by `_`, without the number of a name that was given twice."""


def without_private(properties: pl.Series) -> pl.Series:
    """The maps without entries whose names say that they hold an address or a user agent; null becomes empty."""
    of = pl.col(properties.name)
    frame = properties.to_frame()
    if properties.null_count():
        frame = frame.with_columns(of.fill_null(pl.lit({}, dtype=MAP)))
    names = frame.select(of.map.keys().explode().unique().drop_nulls()).to_series()
    plain = names.str.to_lowercase().str.replace_all(r"[-. ]+", "_").str.replace(r"#[0-9]+$", "")
    private = names.filter(plain.str.contains(PRIVATE))
    if private.is_empty():
        return frame.to_series()
    stays = ~pl.element().struct.field("key").is_in(private.to_list())
    return frame.select(of.map.entries().list.filter(stays).cast(MAP)).to_series()
