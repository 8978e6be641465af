"""Native events as a Parquet file: the columns of a JSON line; a broken row is one without a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from growth_assets.simulate import pages
from growth_assets.simulate.events import Events
from growth_assets.simulate.files import made_ahead
from growth_assets.simulate.lines import addresses, as_text, fixed_width, put_hex, users
from growth_assets.simulate.native_lines import event_ids
from growth_assets.simulate.vocabulary import Vocabulary

ROW_GROUP = 500_000

_WORD = pa.dictionary(pa.int32(), pa.large_string())
SCHEMA = pa.schema(
    {
        "event_id": pa.large_string(),
        "event_time": pa.timestamp("ms", tz="UTC"),
        "hostname": _WORD,
        "action_type": _WORD,
        "url": _WORD,
        "referrer": _WORD,
        "ip": pa.large_string(),
        "user_agent": _WORD,
        "user_id": pa.large_string(),
        "properties": pa.map_(pa.string(), pa.string()),
    }
)
"""Columns as they are written; a reader finds plain strings where these are dictionaries."""


class ParquetRows:
    """Writes events of one world as Parquet."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._seed = vocabulary.seed
        hosts = vocabulary.hostnames
        self._hosts = _words(list(hosts))
        self._actions = _words(list(pages.ACTIONS))
        self._action_of = np.asarray([pages.ACTIONS.index(each.action) for each in pages.REQUESTS], dtype=np.int32)
        # A page and the form on it have one address; a dictionary must not hold a word twice.
        urls = [f"https://{host}{each.path}" for host in hosts for each in pages.REQUESTS]
        distinct = {url: number for number, url in enumerate(dict.fromkeys(urls))}
        self._url_of = np.asarray([distinct[url] for url in urls], dtype=np.int32)
        self._urls = _words(list(distinct))
        self._referrers = _words(vocabulary.referrers)
        self._agents = _words(vocabulary.agents)
        self._properties = pa.array(
            [list(each.properties.items()) or None for each in pages.REQUESTS],
            SCHEMA.field("properties").type,
        )

    def write(self, path: Path, events: Events, broken: int) -> None:
        """The file of these events, and `broken` rows without a time after them."""
        # The Arrow schema is left out, so that words are read as the strings they are.
        with pq.ParquetWriter(
            path,
            SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in SCHEMA.names if SCHEMA.field(name).type == _WORD],
            store_schema=False,
        ) as writer:
            for _, batch in made_ahead(self._batch, events, ROW_GROUP):
                writer.write_batch(batch)
            if broken:
                writer.write_batch(self._broken(broken))

    def _batch(self, events: Events) -> pa.RecordBatch:
        ids = fixed_width(len(events), b"0" * 16)
        put_hex(ids, 0, event_ids(self._seed, events))
        high, low = addresses(events.ip)
        ip = pl.DataFrame({"high": high, "low": low}).select(pl.concat_str("high", "low")).to_series()
        request = events.request.astype(np.int32)
        place = events.host.astype(np.int32) * len(pages.REQUESTS) + request
        referrer = events.referrer.astype(np.int32)
        return pa.record_batch(
            [
                as_text(ids).to_arrow(compat_level=pl.CompatLevel.oldest()),
                pa.array(events.when, pa.int64()).cast(SCHEMA.field("event_time").type),
                pa.DictionaryArray.from_arrays(events.host.astype(np.int32), self._hosts),
                pa.DictionaryArray.from_arrays(self._action_of[request], self._actions),
                pa.DictionaryArray.from_arrays(self._url_of[place], self._urls),
                pa.DictionaryArray.from_arrays(pa.array(referrer, mask=referrer == 0), self._referrers),
                ip.to_arrow(compat_level=pl.CompatLevel.oldest()),
                pa.DictionaryArray.from_arrays(events.agent.astype(np.int32), self._agents),
                users(events.user, str, nobody=None).to_arrow(compat_level=pl.CompatLevel.oldest()),
                self._properties.take(pa.array(request)),
            ],
            schema=SCHEMA,
        )

    def _broken(self, rows: int) -> pa.RecordBatch:
        values = {
            "hostname": self._hosts[0].as_py(),
            "action_type": "page_view",
            "ip": "192.0.2.1",
            "user_agent": "Mozilla/5.0",
        }
        return pa.record_batch(
            [pa.array([values.get(field.name)] * rows).cast(field.type) for field in SCHEMA], schema=SCHEMA
        )


def _words(texts: list[str]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())
