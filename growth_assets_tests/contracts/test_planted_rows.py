"""Every rule of every contract can fail: one planted fault each, found under that rule's name and no other."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.contracts.contract import Contract, ContractError, FrameRule, RowRule, column, columns, unique_key
from growth_assets.tables import BY_NAME, TABLES
from growth_assets_tests.contracts.planted import EMPTY, MAY_BE_EMPTY, PLANTED, Planted, good
from growth_assets_tests.tables.days import site

NAMES = [table.name for table in TABLES]


def broken(table: str, frame: pl.DataFrame, settings=None) -> dict[str, int]:
    findings = BY_NAME[table].contract(settings or site()).audit(frame)
    assert all(finding.rows == frame.height for finding in findings)
    return {finding.rule: finding.broken for finding in findings if finding.broken}


@pytest.mark.parametrize("name", NAMES)
def test_the_good_frame_is_good(name):
    assert good(name).height > 1
    assert broken(name, good(name)) == {}


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_a_planted_fault_breaks_its_rule_and_no_other(planted: Planted):
    found = broken(planted.table, planted.frame, planted.settings)
    assert set(found) == {planted.rule, *planted.also}
    assert found[planted.rule] == planted.broken


@pytest.mark.parametrize("name", NAMES)
def test_no_rule_is_without_a_planted_fault(name):
    planted = {each.rule for each in PLANTED if each.table == name}
    assert planted == set(BY_NAME[name].contract(site()).rule_names)


@pytest.mark.parametrize("name", NAMES)
def test_rules_have_names_of_their_own(name):
    names = BY_NAME[name].contract(site()).rule_names
    assert len(set(names)) == len(names) > 0


ROW_RULES = {(table.name, rule.name) for table in TABLES for rule in table.contract(site()).row_rules}


@pytest.mark.parametrize("planted", [p for p in PLANTED if (p.table, p.rule) in ROW_RULES], ids=str)
def test_a_row_is_put_aside_under_the_first_rule_it_breaks(planted: Planted):
    contract = BY_NAME[planted.table].contract(planted.settings)
    named = planted.frame.select(contract.first_broken()).to_series().drop_nulls().to_list()
    assert named == [planted.rule] * planted.broken


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_frame_breaks_what_speaks_of_the_whole(name):
    assert set(broken(name, good(name).clear())) == EMPTY[name]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_frame_passes_only_where_nothing_is_an_answer(name):
    assert (EMPTY[name] == set()) == (name in MAY_BE_EMPTY)


OTHER_TYPES: dict[pl.DataType, pl.DataType] = {
    pl.String(): pl.Binary(),
    pl.Int64(): pl.Int32(),
    pl.Int32(): pl.Int64(),
    pl.Float64(): pl.Float32(),
    pl.Boolean(): pl.Int8(),
    pl.Datetime("us"): pl.Datetime("us", "UTC"),
}


@pytest.mark.parametrize("name", NAMES)
def test_another_shape_is_refused(name):
    frame, contract = good(name), BY_NAME[name].contract(site())
    names = frame.columns
    shapes = {
        "a column is missing": frame.drop(names[-1]),
        "a column too many": frame.with_columns(pl.lit(1).alias("one_more")),
        "another order": frame.select(names[1], names[0], *names[2:]),
        "another name": frame.rename({names[0]: names[0].upper()}),
        "no column at all": frame.select([]),
    }
    for one, dtype in contract.dtypes.items():
        if dtype in OTHER_TYPES:
            empty = frame.clear()
            shapes[f"{one} of another type"] = empty.with_columns(pl.lit(None, dtype=OTHER_TYPES[dtype]).alias(one))
            shapes[f"{one} of no type"] = empty.with_columns(pl.lit(None, dtype=pl.Null).alias(one))
    assert len(shapes) > 5 + len(names)
    for shape in shapes.values():
        with pytest.raises(ContractError):
            contract.audit(shape)


@pytest.mark.parametrize("name", ["raw.website_events", "raw.quarantined_events", "core.fct_website_events"])
@pytest.mark.parametrize(
    "dtype",
    [
        pl.Map(pl.String, pl.Int64),
        pl.Map(pl.Int64, pl.String),
        pl.List(pl.Struct({"key": pl.String, "value": pl.String})),
        pl.String,
    ],
    ids=str,
)
def test_another_map_type_is_refused(name, dtype):
    other = good(name).with_columns(pl.lit(None, dtype=dtype).alias("other_properties"))
    with pytest.raises(ContractError, match="other_properties"):
        BY_NAME[name].contract(site()).audit(other)


def test_times_in_another_unit_are_refused():
    other = good("core.fct_website_events").with_columns(pl.col("event_timestamp").dt.cast_time_unit("ms"))
    with pytest.raises(ContractError, match="event_timestamp"):
        BY_NAME["core.fct_website_events"].contract(site()).audit(other)


@pytest.mark.parametrize("name", NAMES)
def test_no_column_declared_never_null_can_hold_one(name):
    contract = BY_NAME[name].contract(site())
    declared = [each for each, column in contract.columns.items() if not column.nullable]
    assert declared
    for each in declared:
        dtype = contract.dtypes[each]
        assert broken(name, good(name).with_columns(pl.lit(None, dtype=dtype).alias(each))), each


KEYS = st.lists(st.tuples(st.sampled_from([None, 1, 2, 3]), st.sampled_from([None, 1, 2, 3])), max_size=6)


@settings(max_examples=80, deadline=None)
@given(KEYS)
def test_a_key_that_is_given_twice_is_counted_in_any_order_of_rows(keys):
    frame = pl.DataFrame(keys, schema={"major": pl.Int64, "minor": pl.Int64}, orient="row").lazy()
    twice = len(keys) - len(set(keys))
    for rows in (frame, frame.sort("major", "minor"), frame.sort("minor", "major", descending=True)):
        for rule in (unique_key("minor", "major"), unique_key("minor", "major", sorted_by=("major", "minor"))):
            assert rows.select(rule.broken).collect().item() == twice
            assert rule.surely_kept is None or not (twice and rows.select(rule.surely_kept).collect().item())


# What a rule may not do is pass because it could not be tried.

NUMBERS = pl.DataFrame({"a": [1, 2, None]}, schema={"a": pl.Int64})


def one_column(**rules) -> Contract:
    return Contract({"a": column(pl.Int64(), "a number", nullable=True)}, **rules)


@pytest.mark.parametrize("good_rows", [pl.col("no_such_column") > 1, pl.col("a").str.contains("x")], ids=str)
def test_a_row_rule_that_cannot_be_tried_is_an_error(good_rows):
    contract = one_column(row_rules=(RowRule("odd", "a", good_rows, "cannot be tried"),))
    with pytest.raises(pl.exceptions.PolarsError):
        contract.audit(NUMBERS)


def test_a_frame_rule_that_cannot_be_tried_is_an_error():
    rule = FrameRule("odd", pl.col("no_such_column").sum(), "cannot be tried")
    with pytest.raises(pl.exceptions.PolarsError):
        one_column(frame_rules=(rule,)).audit(NUMBERS)


@pytest.mark.parametrize(
    "count",
    [
        pl.lit(None, dtype=pl.Int64),
        pl.col("a").filter(pl.lit(value=False)),
        pl.lit(0).repeat_by(2).explode(empty_as_null=False),
    ],
    ids=["null", "no row", "two rows"],
)
def test_a_frame_rule_that_does_not_count_is_an_error(count):
    with pytest.raises(ContractError, match="odd"):
        one_column(frame_rules=(FrameRule("odd", count, "does not count"),)).audit(NUMBERS)


def test_null_breaks_a_row_rule():
    contract = one_column(row_rules=(RowRule("positive", "a", pl.col("a") > 0, "a is positive"),))
    (finding,) = contract.audit(NUMBERS)
    assert (finding.rows, finding.broken) == (3, 1)


def test_all_broken_rows_are_counted():
    contract = one_column(row_rules=(RowRule("above_one", "a", pl.col("a") > 1, "a is above 1"),))
    (finding,) = contract.audit(NUMBERS)
    assert finding.broken == 2


def test_a_column_declared_twice_is_refused():
    with pytest.raises(ContractError, match="a is declared twice"):
        columns([("a", column(pl.Int64(), "one")), ("a", column(pl.String(), "another"))])
