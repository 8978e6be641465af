"""What is written by hand in place of the pipeline: the files of one day to the same fct, agg and metrics, no more.

No check, no quarantine, no guardrail, no Dagster. It drops without a word what it cannot read, and knows no file that
comes twice, no late day and no format but the three of the benchmark. It is as fast as could be written: DuckDB or
Polars reads, each text is a number from there on, each distinct value is looked at once, there is one sort, equal
events are neighbours after it, and what is counted are cells of small cubes. Of growth_assets it reads the country
database and the list of sources, as anyone could.

    python benchmarks/bare_script.py LANDING OUT ndjson|parquet|combined [raw]

With `raw` the received events are kept as well.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import maxminddb
import mmh3
import numpy as np
import numpy.typing as npt
import polars as pl
from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]
from publicsuffixlist import PublicSuffixList
from ua_parser import load_lazy_builtins
from ua_parser_rs import DeviceExtractor

REFERENCE = Path(__file__).parent.parent / "growth_assets" / "reference"
SITES = ("www.xx.com", "www.xxx.com")
SALT = ""
MAP = pl.Map(pl.String, pl.String)
AT_ONCE = 1_000_000
DAY = 86_400_000_000
VISITOR_BITS = 26
MOST_FLAGS = 1 << 30
COUNTED_ACTIONS = ("page_view", "signup", "purchase")
UNKNOWN_COUNTRY, UNKNOWN_BRAND = "ZZ", "unknown"

TEXTS = ("hostname", "action_type", "url", "referrer", "ip", "user_agent")
FIRST = ("dim_hostname", "dim_country", "dim_device_brand", "dim_action_type")
LAST = ("is_bot", "dim_url_path", "dim_referrer_domain", "dim_source")
ORDER = ("dim_action_type", "dim_hostname", "dim_country", "dim_device_brand", "event_hour", "dim_referrer_domain",
         "dim_source")  # fmt: skip
"""The dimensions of a cube stand in this order, and so do those of every level."""
COUNTED = (*FIRST, "is_bot", "dim_referrer_domain", "dim_source")

RULES = (
    ("error", ".*", ".*", "[45].."),
    ("signup", "POST", "/(signup|register)(/.*)?", ".*"),
    ("login", "POST", "/(login|signin)(/.*)?", ".*"),
    ("purchase", "POST", "/bootcamp(/.*)?", ".*"),
    (
        "static_file", "GET|HEAD",
        r".*\.(?i:css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|mp4|webm|mp3|pdf|zip|gz|txt|xml"
        r"|json|wasm)",
        ".*",
    ),
    ("redirect", ".*", ".*", "30[0-35-9]"),
    ("page_view", "GET", ".*", "2..|304"),
    ("other_request", ".*", ".*", ".*"),
)  # fmt: skip
"""Action, and the expressions for method, path and status of a logged request."""

Codes = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Coded:
    """A column as numbers: by row, the place of its value."""

    values: pl.Series
    rows: Codes

    @classmethod
    def of(cls, column: pl.Series) -> Coded:
        """From a categorical column, by its own numbers."""
        physical = column.to_physical()
        nothing = physical.to_frame("n").select(pl.col("n").max().fill_null(0)).item() + 1
        rows = physical.fill_null(nothing).to_numpy()
        met = np.zeros(nothing + 1, np.uint32)
        met[rows] = np.arange(len(rows), dtype=np.uint32)
        there = column[met].cast(pl.String)
        return cls(there.set(pl.Series(np.arange(nothing + 1) == nothing), None), rows)

    def then(self, answers: Sequence[Any] | pl.Series, dtype: Any = pl.String) -> Coded:  # noqa: ANN401
        """The answers to the values, each once."""
        column = pl.Series(answers, dtype=dtype, strict=False)
        distinct = column.unique(maintain_order=True)
        place = pl.DataFrame({"v": column}).join(
            pl.DataFrame({"v": distinct}).with_row_index("place"), on="v", how="left", nulls_equal=True,
            maintain_order="left",
        )  # fmt: skip
        return Coded(distinct, place["place"].to_numpy()[self.rows])

    def beside(self, *others: Coded) -> tuple[list[pl.Series], Codes]:
        """The distinct rows of several columns, and by row which of them it is."""
        key, size = self.rows.astype(np.uint64), len(self.values)
        for other in others:
            key, size = key * np.uint64(len(other.values)) + other.rows.astype(np.uint64), size * len(other.values)
        keys = pl.Series("key", key)
        distinct = keys.unique()
        rows = keys.to_frame().join(
            distinct.to_frame().with_row_index("place"), on="key", how="left", maintain_order="left"
        )["place"]
        columns, left = [], distinct.to_numpy()
        for each in reversed((self, *others)):
            left, place = np.divmod(left, np.uint64(len(each.values)))
            columns.append(each.values.gather(pl.Series(place)))
        return columns[::-1], rows.to_numpy()

    def at(self, rows: Codes) -> pl.Series:
        """The values of some rows; no text is copied."""
        values = self.values
        if values.dtype == pl.String:
            values = values.cast(pl.Enum(values.drop_nulls().unique(maintain_order=True)))
        return values.gather(pl.Series(self.rows[rows]))


def main(landing: Path, out: Path, file_format: str, *, raw: bool = False) -> None:
    """Read the files of one day, and write the tables."""
    (out / "raw.website_events").mkdir(parents=True, exist_ok=True)
    paths = sorted(path for path in landing.iterdir() if not path.name.startswith("."))
    read = {"ndjson": from_ndjson, "parquet": from_parquet, "combined": from_combined}[file_format]
    chunks = []
    for number, chunk in enumerate(read(paths)):
        if raw:
            write(chunk, out / "raw.website_events" / f"part-{number:04}.parquet")
        chunks.append(chunk)
    events = pl.concat(chunks)
    del chunks, chunk
    columns = enriched(events, logged=file_format == "combined")
    events = events.select("moment", "event_id", "user_id")
    moment, visitor, rows = in_order(events.drop_in_place("moment"), events["event_id"], columns["visitor"].rows)
    ds = str(moment[0])[:10]
    write_fct(out / "core.fct_website_events", ds, (moment, visitor, rows), events, columns)
    codes = {name: columns[name].rows[rows] for name in COUNTED}
    codes |= {"visitor": visitor, "event_hour": moment.dt.hour().to_numpy()}
    values = {name: columns[name].values for name in COUNTED}
    values |= {"visitor": columns["visitor"].values, "event_hour": pl.Series(range(24), dtype=pl.Int32)}
    del events, columns, moment, visitor, rows
    for name, frame in rolled_up(codes, values).items():
        frame.with_columns(pl.lit(ds).alias("ds")).write_parquet(out / f"{name}.parquet")


def write(rows: pl.DataFrame, path: Path) -> None:
    """Rows by the million, packed lightly."""
    rows.write_parquet(path, compression="lz4", statistics=False)


def write_fct(
    folder: Path, ds: str, ordered: tuple[pl.Series, Codes, Codes], events: pl.DataFrame, columns: dict[str, Coded]
) -> None:
    """In parts, so that few rows are there with all their texts."""
    folder.mkdir(exist_ok=True)
    moment, visitor, rows = ordered
    for first in range(0, len(rows), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        some = rows[part]
        user, event_id = events[some]["user_id"], events[some]["event_id"]
        frame = {
            "user_id": user,
            "logged_out_user_id": columns["visitor"].values.gather(pl.Series(visitor[part])),
            **{name: columns[name].at(some) for name in FIRST},
            "event_timestamp": moment[part],
            "other_properties": columns["other_properties"].at(some),
            "ds": pl.Series([ds], dtype=pl.Enum([ds])).new_from_index(0, len(some)),
            "event_id": event_id,
            **{name: columns[name].at(some) for name in LAST},
        }
        write(pl.DataFrame(frame), folder / f"part-{first:010}.parquet")


def words(name: str) -> pl.Categorical:
    """A dictionary that all chunks of a column share."""
    return pl.Categorical(pl.Categories(f"bare-script-{name}"))


def from_ndjson(paths: Sequence[Path]) -> Iterator[pl.DataFrame]:
    """Chunk by chunk; whatever is no event is left out."""
    columns = dict.fromkeys(("event_id", "event_time", *TEXTS, "user_id", "properties"), "VARCHAR")
    relation = duckdb.connect().sql(
        "SELECT * FROM read_json($paths, format = 'newline_delimited', ignore_errors = true, columns = $columns) "
        "WHERE event_time IS NOT NULL",
        params={"paths": [str(path) for path in paths], "columns": columns},
    )
    for batch in relation.to_arrow_reader(AT_ONCE):
        yield pl.DataFrame(pl.from_arrow(batch)).select(
            "event_id",
            pl.col("event_time").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", strict=False).alias("moment"),
            *(pl.col(name).cast(words(name)) for name in (*TEXTS, "properties")),
            pl.col("user_id").cast(pl.Int64),
        ).filter(pl.col("moment").is_not_null())  # fmt: skip


def from_parquet(paths: Sequence[Path]) -> Iterator[pl.DataFrame]:
    """Chunk by chunk."""
    file = pl.scan_parquet(list(paths))
    for first in range(0, file.select(pl.len()).collect().item(), AT_ONCE):
        chunk = file.slice(first, AT_ONCE).filter(pl.col("event_time").is_not_null()).collect()
        yield chunk.select(
            "event_id",
            pl.col("event_time").dt.replace_time_zone(None).cast(pl.Datetime("us")).alias("moment"),
            *(pl.col(name).cast(words(name)) for name in TEXTS),
            _as_json(chunk["properties"]).cast(words("properties")),
            pl.col("user_id").cast(pl.Int64),
        )


def _as_json(maps: pl.Series) -> pl.Series:
    """The few maps that are not null as texts, so that they are numbered like all others."""
    there = maps.is_not_null().arg_true()
    texts = pl.Series([json.dumps(each) for each in maps[there].to_list()], dtype=pl.String)
    return pl.Series("properties", [None], dtype=pl.String).new_from_index(0, len(maps)).scatter(there, texts)


def from_combined(paths: Sequence[Path]) -> Iterator[pl.DataFrame]:
    """A log line is a line of CSV between blanks, as long as nobody sends a quote; the time is in two fields."""
    fields = ("ip", "ident", "user", "time", "zone", "request", "status", "bytes", "referrer", "user_agent")
    for path in paths:
        host = next(site for site in SITES if f"-{site}-" in path.name)
        yield (
            pl.scan_csv(
                path, separator=" ", has_header=False, schema=dict.fromkeys(fields, pl.String), encoding="utf8-lossy",
                truncate_ragged_lines=True, ignore_errors=True, null_values=["-"],
            )
            .filter(pl.col("zone") == "+0000]", pl.col("status").is_not_null())
            .select(
                pl.lit(None, pl.String).alias("event_id"),
                pl.col("time").cast(words("time")),
                pl.lit(host).cast(words("hostname")).alias("hostname"),
                *(pl.col(name).cast(words(name)) for name in ("request", "status", "bytes", "user", "referrer", "ip")),
                pl.col("user_agent").fill_null("-").cast(words("user_agent")),
                pl.lit(None, pl.Int64).alias("user_id"),
            )
            .collect()
            .pipe(_with_moments)
        )  # fmt: skip


def _with_moments(lines: pl.DataFrame) -> pl.DataFrame:
    times = Coded.of(lines["time"])
    moments = times.values.str.to_datetime("[%d/%b/%Y:%H:%M:%S", time_unit="us", strict=False)
    moment = moments.gather(pl.Series(times.rows)).alias("moment")
    return lines.drop("time").with_columns(moment).filter(pl.col("moment").is_not_null())


def enriched(events: pl.DataFrame, *, logged: bool) -> dict[str, Coded]:
    """The columns of the fact table, each distinct value looked at once."""
    hosts, referrers = Coded.of(events["hostname"]), Coded.of(events["referrer"])
    hosts = hosts.then(hosts.values.str.strip_chars().str.to_lowercase())
    addresses, agents = Coded.of(events["ip"]), Coded.of(events["user_agent"])
    brand, bot = devices(agents.values)
    columns = {
        "visitor": visitors(addresses, agents),
        "dim_hostname": hosts,
        "dim_country": addresses.then(countries(addresses.values)),
        "dim_device_brand": agents.then(brand),
        "is_bot": agents.then(bot, pl.Boolean),
    }
    if logged:
        urls, made = _requests(events)
    else:
        urls, kinds = Coded.of(events["url"]), Coded.of(events["properties"])
        actions = Coded.of(events["action_type"])
        maps = [json.loads(each) if each else {} for each in kinds.values]
        made = {"dim_action_type": actions, "other_properties": Coded(_maps(maps), kinds.rows)}
    parts = [urlsplit(each) if each is not None else None for each in urls.values]
    tags = [parse_qs(each.query).get("utm_source", [None])[0] if each else None for each in parts]
    referring = referrers.then([_host(each) for each in referrers.values])
    (by_referrer, by_tag, on_host), rows = referring.beside(urls.then(tags), hosts)
    sources = Sources()
    named = [sources.of(*each) for each in zip(by_referrer, by_tag, on_host, strict=True)]
    return {
        **columns,
        **made,
        "dim_url_path": urls.then([each.path if each else None for each in parts]),
        "dim_referrer_domain": referring.then([each and sources.domain(each) for each in referring.values]),
        "dim_source": Coded(pl.Series(named, dtype=pl.String), rows).then(named),
    }


def _requests(events: pl.DataFrame) -> tuple[Coded, dict[str, Coded]]:
    names = ("request", "status", "bytes", "user")
    (requests, statuses, sizes, users), rows = Coded.of(events["request"]).beside(
        *(Coded.of(events[name]) for name in names[1:])
    )
    split = [request.split(" ") for request in requests]
    rules = [(action, re.compile("(?s)" + r" \0 ".join(f"(?:{each})" for each in parts))) for action, *parts in RULES]
    asked = [
        f"{method} \0 {target.partition('?')[0]} \0 {status}"
        for (method, target, _), status in zip(split, statuses, strict=True)
    ]
    actions = [next(action for action, rule in rules if rule.fullmatch(each)) for each in asked]
    said = (
        {"bytes": size, "method": method, "protocol": protocol, "remote_user": user, "status": status}
        for (method, _, protocol), status, size, user in zip(split, statuses, sizes, users, strict=True)
    )
    maps = [{name: value for name, value in each.items() if value is not None} for each in said]
    kinds = Coded(requests, rows)
    return kinds.then([target for _, target, _ in split]), {
        "dim_action_type": kinds.then(actions),
        "other_properties": Coded(_maps(maps), rows),
    }


def _maps(maps: Sequence[Mapping[str, str]]) -> pl.Series:
    entries = [[{"key": key, "value": value} for key, value in each.items()] for each in maps]
    return pl.Series(entries, dtype=pl.List(pl.Struct({"key": pl.String, "value": pl.String}))).cast(MAP)


def visitors(addresses: Coded, agents: Coded) -> Coded:
    """Visitors by number, in the order of their ids."""
    (address, agent), rows = addresses.beside(agents)
    keys = pl.select(pl.concat_str(pl.lit(SALT), address, agent.fill_null(""), separator="|")).to_series().to_list()
    hash64 = mmh3.hash64
    ids = pl.Series([hash64(key)[0] for key in keys], dtype=pl.Int64)
    order = ids.arg_sort()
    rank = np.empty(len(ids), np.uint32)
    rank[order.to_numpy()] = np.arange(len(ids), dtype=np.uint32)
    return Coded(ids.gather(order), rank[rows])


def countries(addresses: pl.Series) -> pl.Series:
    """ISO code of each address; neighbours in order share their network's answer."""
    octets = addresses.str.split_exact(".", 3).struct.unnest().select(pl.all().cast(pl.UInt32, strict=False))
    first, second, third, fourth = (pl.col(name) for name in octets.columns)
    frame = octets.select(((first * 256 + second) * 256 + third) * 256 + fourth).to_series().to_frame("number")
    wanted = frame.with_row_index("row").drop_nulls().sort("number")
    ordered, codes, counts, at = wanted["number"].to_list(), [], [], 0
    with maxminddb.open_database(REFERENCE / "country.mmdb") as reader:
        while at < len(ordered):
            number = ordered[at]
            record, prefix = reader.get_with_prefix_len(
                f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            )
            after = bisect_right(ordered, number | (1 << 32 - min(prefix, 32)) - 1, lo=at + 1)
            codes.append(_code(record))
            counts.append(after - at)
            at = after
        found = pl.Series([UNKNOWN_COUNTRY], dtype=pl.String).new_from_index(0, len(addresses))
        found = found.scatter(wanted["row"], pl.Series(np.repeat(np.asarray(codes, dtype=object), counts)))
        others = frame["number"].is_null() & addresses.is_not_null()
        rows = others.arg_true()
        return found.scatter(rows, pl.Series([_code(reader.get(each)) for each in addresses[rows]], dtype=pl.String))


def _code(record: Any) -> str:  # noqa: ANN401 - whatever the database holds
    return str(record["country"].get("iso_code") or UNKNOWN_COUNTRY) if record else UNKNOWN_COUNTRY


def devices(agents: pl.Series) -> tuple[list[str], pl.Series]:
    """Brand of each user agent, and whether it is a robot's."""
    rules = load_lazy_builtins()[2]
    extract = DeviceExtractor(map(attrgetter("regex", "regex_flag", "family", "brand", "model"), rules)).extract
    found = [extract(each) if each else None for each in agents]
    robots = "|".join(f"(?:{entry['pattern']})" for entry in CRAWLER_USER_AGENTS_DATA)
    spiders = pl.Series([each is not None and each.family == "Spider" for each in found], dtype=pl.Boolean)
    silent = agents.str.strip_chars().is_in(["", "-"]).fill_null(value=False)
    brands = [(each.brand if each else None) or UNKNOWN_BRAND for each in found]
    return brands, spiders | silent | agents.str.contains(robots).fill_null(value=False)


class Sources:
    """Who a referrer or a campaign tag is."""

    def __init__(self) -> None:
        self.hosts: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        for source in tomllib.loads((REFERENCE / "sources.toml").read_text(encoding="utf-8"))["source"]:
            for names, key in ((self.hosts, "hosts"), (self.labels, "labels"), (self.tags, "utm")):
                names.update(dict.fromkeys(source.get(key, ()), source["name"]))
        self.suffixes = PublicSuffixList()

    def domain(self, host: str) -> str:
        """The registrable domain."""
        return str(self.suffixes.privatesuffix(host) or host)

    def of_host(self, host: str) -> str | None:
        """By the longest rule that the host ends with, or the brand before the public suffix."""
        labels = host.split(".")
        for first in range(len(labels)):
            if name := self.hosts.get(".".join(labels[first:])):
                return name
        return self.labels.get(self.domain(host).partition(".")[0])

    def of(self, host: str | None, tag: str | None, site: str | None) -> str:
        """The tag's, else our own, else the referrer's."""
        named = (self.tags.get(tag) or self.of_host(tag)) if tag else None
        if named:
            return named
        if host and self.domain(host) in {self.domain(each) for each in (*SITES, site or "")}:
            return "internal"
        return (self.of_host(host) if host else None) or ("other" if host or tag else "direct")


def _host(referrer: str | None) -> str | None:
    return (urlsplit(referrer).hostname or None) if referrer else None


def in_order(moments: pl.Series, ids: pl.Series, visitor: Codes) -> tuple[pl.Series, Codes, Codes]:
    """Times, visitors and row numbers by time and visitor; second copies left out, equal times told apart."""
    times = moments.to_physical().to_numpy()
    begin = int(times.min()) // DAY * DAY
    key = pl.Series("key", (times - begin) << VISITOR_BITS | visitor)
    ordered = key.to_frame().with_row_index("row").sort("key", maintain_order=True)
    again = _as_before(ordered["key"])
    if ids.null_count() < len(ids) and again.any():
        crowded = again | np.roll(again, -1)
        alike = ordered.filter(crowded)
        copies = ~alike.select(pl.struct("key", ids.gather(alike["row"])).is_first_distinct()).to_series()
        again[:] = False
        again[crowded] = copies
        ordered = ordered.filter(~again)
    keys, order = _told_apart(ordered["key"].to_numpy())
    rows = ordered["row"].to_numpy()
    moment = pl.Series((keys >> VISITOR_BITS) + begin).cast(pl.Datetime("us"))
    visitors_in_order = (keys & ((1 << VISITOR_BITS) - 1)).astype(np.uint32)
    return moment, visitors_in_order, rows if order is None else rows[order]


def _as_before(keys: pl.Series) -> npt.NDArray[np.bool_]:
    values = keys.to_numpy()
    again = np.zeros(len(values), bool)
    again[1:] = values[1:] == values[:-1]
    return again


def _told_apart(keys: Codes) -> tuple[Codes, Codes | None]:
    """Events of a visitor in one instant get a microsecond more each, and stay within the day."""
    again = _as_before(pl.Series(keys))
    if not again.any():
        return keys, None
    visitor = keys & ((1 << VISITOR_BITS) - 1)
    crowd = np.zeros(int(visitor.max()) + 1, bool)
    crowd[visitor[again]] = True
    at = np.flatnonzero(crowd[visitor])
    number = pl.int_range(pl.len()).over("visitor")
    forward = ((pl.col("time") - number).cum_max() + number).over("visitor")
    last = DAY - 1 - (pl.len().over("visitor") - 1 - number)
    moved = pl.DataFrame({"visitor": visitor[at], "time": keys[at] >> VISITOR_BITS})
    times = moved.select(pl.min_horizontal(forward, last)).to_series().to_numpy()
    keys = keys.copy()
    keys[at] = times << VISITOR_BITS | visitor[at]
    if (keys[1:] >= keys[:-1]).all():
        return keys, None
    order = pl.Series(keys).arg_sort().to_numpy()
    return keys[order], order


class Cells:
    """Events counted in cells of some dimensions."""

    def __init__(self, codes: Mapping[str, Codes], values: Mapping[str, pl.Series]) -> None:
        self.codes, self.values = codes, values
        self.sizes = {name: len(each) for name, each in values.items()}
        # A visitor has one country and one brand: they are looked up, not counted by.
        self.own = {
            name: np.zeros(self.sizes["visitor"], codes[name].dtype) for name in ("dim_country", "dim_device_brand")
        }
        for name, each in self.own.items():
            each[codes["visitor"]] = codes[name]

    def key(self, codes: Mapping[str, Codes], names: Sequence[str], where: Flags | None) -> Codes:
        """By row the number of its cell."""
        height = len(codes["visitor"]) if where is None else int(where.sum())
        key: Codes = np.zeros(height, np.int64)
        for name in names:
            key *= self.sizes[name]
            key += codes[name] if where is None else codes[name][where]
        return key

    def events(
        self, names: Sequence[str], where: Flags | None = None, codes: Mapping[str, Codes] | None = None
    ) -> Cube:
        """How many events are in each cell."""
        shape = [self.sizes[name] for name in names]
        key = self.key(codes or self.codes, names, where)
        return Cube(names, np.bincount(key, minlength=int(np.prod(shape))).reshape(shape))

    def visitors(self, names: Sequence[str], where: Flags | None = None) -> dict[tuple[str, ...], Cube]:
        """How many visitors are in each cell of some of the dimensions, and of country and brand."""
        found: dict[tuple[str, ...], Cube] = {}
        codes: Mapping[str, Codes] = self.codes
        for some in sorted(_subsets(names), key=len, reverse=True):
            # Fewer dimensions are counted from the pairs of more: there are fewer of them than of events.
            pairs = self._each_once(codes, some, where)
            if some == tuple(names):
                codes, where = pairs, None
            dimensions = [name for name in ORDER if name in (*some, *self.own)]
            found[some] = self.events(
                dimensions, codes={**pairs, **{n: own[pairs["visitor"]] for n, own in self.own.items()}}
            )
        return found

    def _each_once(self, codes: Mapping[str, Codes], names: Sequence[str], where: Flags | None) -> dict[str, Codes]:
        key = self.key(codes, ("visitor", *names), where)
        size = int(np.prod([self.sizes[name] for name in ("visitor", *names)], dtype=np.int64))
        if size < MOST_FLAGS:
            met = np.zeros(size, bool)
            met[key] = True
            left = np.flatnonzero(met)
        else:
            left = pl.Series(key).unique().to_numpy()
        found = {}
        for name in reversed(names):
            left, found[name] = np.divmod(left, self.sizes[name])
        return {**found, "visitor": left}

    def rows(self, level: Sequence[str], order: Sequence[str], there: Cube, **measures: Cube) -> pl.DataFrame:
        """The cells of a level where there is something, as rows."""
        places = np.nonzero(there.of(level)) if level else ()
        height = len(places[0]) if level else 1
        given = dict(zip(level, places, strict=True))
        nothing = {name: pl.Series([None], dtype=self.values[name].dtype).new_from_index(0, height) for name in order}
        return pl.DataFrame(
            {
                **nothing,
                **{name: self.values[name].gather(pl.Series(place)) for name, place in given.items()},
                **{name: each.of(level)[places] if level else [int(each.of(level))] for name, each in measures.items()},
                "aggregation_level": pl.Series(["__".join(level) or "overall"]).new_from_index(0, height),
            }
        )


@dataclass(frozen=True)
class Cube:
    """Numbers by cell."""

    names: Sequence[str]
    cells: npt.NDArray[np.int64]

    def of(self, level: Sequence[str]) -> npt.NDArray[np.int64]:
        """Added up over all dimensions but those of the level."""
        return np.asarray(self.cells.sum(axis=tuple(n for n, name in enumerate(self.names) if name not in level)))


def _subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    return [some for size in range(len(names) + 1) for some in combinations(names, size)]


def rolled_up(codes: dict[str, Codes], values: dict[str, pl.Series]) -> dict[str, pl.DataFrame]:
    """The aggregated tables and the metrics."""
    values["dim_referrer_domain"] = values["dim_referrer_domain"].fill_null("(none)")
    cells = Cells(codes, values)
    bot = values["is_bot"].fill_null(value=False).to_numpy()[codes["is_bot"]]
    action = {
        name: np.isin(codes["dim_action_type"], (values["dim_action_type"] == name).arg_true())
        for name in COUNTED_ACTIONS
    }
    hit = action["page_view"]
    return {
        "core.agg_website_events": _agg(cells, bot),
        "core.agg_hostname_events": _hosts(cells),
        "metrics.daily_visitors": _daily_visitors(cells, hit & ~bot, hit & bot),
        "metrics.signup_conversion_rate": _rate(cells, "signup", "signups", "website_hits", action["signup"], hit, bot),
        "metrics.purchase_conversion_rate": _rate(
            cells, "purchase", "purchases", "signups", action["purchase"], action["signup"], bot
        ),
        "metrics.traffic_breakdown": _traffic(cells, hit & ~bot),
    }


def _agg(cells: Cells, bot: Flags) -> pl.DataFrame:
    order = ("dim_action_type", "dim_country", "dim_device_brand", "event_hour")
    events, bots = cells.events(order), cells.events(order, bot)
    people = cells.visitors(("dim_action_type", "event_hour"))
    return pl.concat(
        cells.rows(
            level, order, events, m_total_events=events, m_bot_events=bots,
            m_unique_visitors=people[tuple(name for name in level if name not in cells.own)],
        )
        for level in _subsets(order)
    )  # fmt: skip


def _hosts(cells: Cells) -> pl.DataFrame:
    order = ("dim_hostname", "dim_action_type", "event_hour", "is_bot")
    events = cells.events(order)
    unknown = {
        f"m_unknown_{name.rpartition('_')[2]}": cells.events(
            order, np.isin(cells.codes[name], (cells.values[name] == nobody).arg_true())
        )
        for name, nobody in (("dim_country", UNKNOWN_COUNTRY), ("dim_device_brand", UNKNOWN_BRAND))
    }
    return cells.rows(order, order, events, m_total_events=events, **unknown).drop("aggregation_level")


def _daily_visitors(cells: Cells, person: Flags, robot: Flags) -> pl.DataFrame:
    order = ("dim_hostname", "dim_country", "dim_device_brand")
    hits, robot_hits = cells.events(order, person), cells.events(order, robot)
    people, robots = cells.visitors(order[:1], person), cells.visitors(order[:1], robot)
    anything = Cube(order, hits.cells + robot_hits.cells)
    return pl.concat(
        cells.rows(
            level, order, anything, m_visitors=people[level[: "dim_hostname" in level]], m_website_hits=hits,
            m_bot_visitors=robots[level[: "dim_hostname" in level]], m_bot_website_hits=robot_hits,
        )
        for level in _subsets(order)
        if level != order[1:]
    )  # fmt: skip


def _rate(cells: Cells, name: str, above: str, below: str, over: Flags, under: Flags, bot: Flags) -> pl.DataFrame:
    order = ("dim_hostname",)
    measures = {
        f"m_{above}": cells.events(order, over & ~bot), f"m_{below}": cells.events(order, under & ~bot),
        f"m_bot_{above}": cells.events(order, over & bot), f"m_bot_{below}": cells.events(order, under & bot),
    }  # fmt: skip
    people, events = cells.visitors(order, over & ~bot), cells.events(order)
    rows = pl.concat(
        cells.rows(level, order, events, **measures, **{f"m_{above}_visitors": people[level]})
        for level in _subsets(order)
    )
    rate = pl.when(pl.col(f"m_{below}") > 0).then(pl.col(f"m_{above}") / pl.col(f"m_{below}"))
    return rows.with_columns(rate.alias(f"{name}_conversion_rate"))


def _traffic(cells: Cells, hit: Flags) -> pl.DataFrame:
    order = ("dim_hostname", "dim_referrer_domain", "dim_source")
    levels = []
    for by in order[1:]:
        hits = cells.events(("dim_hostname", by), hit)
        people = cells.visitors(("dim_hostname", by), hit)
        for level in ((by,), ("dim_hostname", by)):
            levels.append(cells.rows(level, order, hits, m_website_hits=hits, m_visitors=people[level]))
    total = pl.col("m_website_hits").sum().over("aggregation_level", "dim_hostname")
    share = (pl.col("m_website_hits") / total).alias("traffic_share")
    return pl.concat(levels).with_columns(total.alias("m_total_website_hits"), share)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], raw="raw" in sys.argv[4:])
