"""The recount behind every agreement check: by a plain count of sets it finds what is wrong, and nothing else."""

from __future__ import annotations

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.checks import numbered
from growth_assets.checks.agreement import disagreements
from growth_assets.checks.numbered import Numbered, one_number
from growth_assets.contracts.columns import VISITOR_NUMBER

DIMENSIONS = {"country": pl.String, "host": pl.String, "hour": pl.Int32, "bot": pl.Boolean}
LEVELS = {"+".join(by) or "all": by for size in range(5) for by in combinations(DIMENSIONS, size)}
COUNTS = {"m_events": pl.lit(value=True), "m_hits": pl.col("hit")}
VISITORS = {"m_visitors": pl.lit(value=True), "m_readers": pl.col("hit")}

few = settings(max_examples=8, deadline=None)

events = st.lists(
    st.tuples(
        st.sampled_from([-(2**63), -1, 0, 7, 2**63 - 1]),
        st.sampled_from(["DE", "ZZ", "", None]),
        st.sampled_from(["a", "b", None]),
        st.sampled_from([0, 23, -5, None]),
        st.sampled_from([True, False, None]),
        st.booleans(),
    ),
    max_size=25,
)


def frame_of(rows: list[tuple]) -> pl.DataFrame:
    schema = {"logged_out_user_id": pl.Int64, **DIMENSIONS, "hit": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def plainly(rows: list[tuple]) -> pl.DataFrame:
    """The rolled-up table, group by group."""
    found = []
    for level, by in LEVELS.items():
        groups: dict[tuple, list[tuple]] = {}
        for row in rows:
            values = dict(zip(DIMENSIONS, row[1:5], strict=True))
            groups.setdefault(tuple(values[name] if name in by else None for name in DIMENSIONS), []).append(row)
        for group, members in groups.items():
            hits = [row for row in members if row[5]]
            found.append(
                (
                    level,
                    *group,
                    len(members),
                    len(hits),
                    len({row[0] for row in members}),
                    len({row[0] for row in hits}),
                )
            )
    schema = {"aggregation_level": pl.String, **DIMENSIONS, **dict.fromkeys([*COUNTS, *VISITORS], pl.Int64)}
    return pl.DataFrame(found, schema=schema, orient="row")


def broken(events: pl.LazyFrame, table: pl.DataFrame, **made: pl.Expr) -> dict[str, int]:
    found = disagreements(events, table, LEVELS, counts=COUNTS, visitors=VISITORS, made=made)
    return {finding.rule: finding.broken for finding in found if finding.broken}


@pytest.fixture(params=[numbered.LARGEST, 3], ids=["as it is", "with numbers that are soon too large"])
def largest(request, monkeypatch):
    monkeypatch.setattr(numbered, "LARGEST", request.param)


@pytest.mark.usefixtures("largest")
@few
@given(rows=events, data=st.data())
def test_one_wrong_number_is_found_and_a_right_table_is_left_in_peace(rows, data):
    table, events = plainly(rows), frame_of(rows).lazy()
    assert broken(events, table) == {}
    if table.height:
        place = data.draw(st.integers(0, table.height - 1))
        name = data.draw(st.sampled_from([*COUNTS, *VISITORS]))
        changed = table[name].scatter(place, table[name][place] + data.draw(st.sampled_from([-1, 1])))
        # What was made of the events for the first table serves the next.
        assert broken(events, table.with_columns(changed)) == {name: 1}
        made = pl.col("country").fill_null("none")
        by_country = pl.col("aggregation_level").str.contains("country")
        elsewhere = table.with_columns(pl.when(by_country).then(made).otherwise("country"))
        assert broken(events, elsewhere, country=made) == {}
    assert broken(frame_of([*rows, (5, "DE", "b", 7, None, False)]).lazy(), table)


@few
@given(rows=events, numbers=st.lists(st.integers(0, 6), min_size=25, max_size=25), true=st.booleans())
def test_visitors_are_told_apart_by_their_ids_whatever_the_numbers_that_came_with_them_say(rows, numbers, true):
    table, ids = plainly(rows), sorted({row[0] for row in rows})
    given = [ids.index(row[0]) + 3 if true else number for row, number in zip(rows, numbers, strict=False)]
    events = frame_of(rows).with_columns(pl.Series(VISITOR_NUMBER, given, dtype=pl.UInt32))
    assert broken(events.lazy(), table) == {}


@few
@given(rows=events, data=st.data())
def test_a_group_that_is_missing_or_invented_is_found(rows, data):
    rows = [*rows, (1, "DE", "a", 0, True, True)]
    table, events = plainly(rows), frame_of(rows).lazy()
    place = data.draw(st.integers(0, table.height - 1))
    without = table.with_row_index().filter(pl.col("index") != place).drop("index")
    gone = table.row(place, named=True)
    assert broken(events, without) == {name: 1 for name in [*COUNTS, *VISITORS] if gone[name]}
    invented = table.head(1).with_columns(country=pl.lit("XX"), aggregation_level=pl.lit("country"))
    found = broken(events, pl.concat([table, invented]))
    assert found == dict.fromkeys([*COUNTS, *VISITORS], 1)


@pytest.mark.usefixtures("largest")
@few
@given(rows=events.filter(bool))
def test_combined_numbers_stand_for_their_values(rows):
    frame = frame_of(rows).select(*DIMENSIONS)
    together = one_number(frame.height)
    for name in DIMENSIONS:
        together = together.by(Numbered.of(frame[name]))
    assert frame.equals(pl.DataFrame(together.told()))
    assert len(set(together.codes.tolist())) == frame.unique().height
