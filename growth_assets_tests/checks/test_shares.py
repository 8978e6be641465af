"""Shares of unknown countries, unknown brands and bots."""

from __future__ import annotations

import polars as pl
import pytest

from growth_assets.checks import shares
from growth_assets.watches import WATCHES
from growth_assets_tests.checks.judged_days import DAY, DS, PART, before, parts, traffic
from growth_assets_tests.tables.days import site


def judged(history, days_off=()):
    (row,) = shares.judge(history, DS, [PART], days_off).to_dicts()
    return row


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("weeks", [4, 8])
def test_the_usual_share_is_ok(share, weeks):
    row = judged(parts(share, weeks=weeks))
    assert (row["state"], row["reason"]) == ("ok", "")
    assert row["low"] <= row["share"] <= row["high"]
    assert abs(row["expected"] - share) < 0.05


@pytest.mark.parametrize(("share", "today"), [(0.02, 0.9), (0.0, 0.1), (0.3, 0.1), (0.1, 0.0), (1.0, 0.5)])
def test_another_share_is_breached_both_ways(share, today):
    row = judged(parts(share, today))
    assert row["state"] == "breached"
    assert f"{today:.1%}" in row["reason"]


def test_half_a_percentage_point_is_nobodys_trouble():
    assert judged(parts(0.0, 0.004, mean=100_000))["state"] == "ok"


def test_past_incidents_are_kept_out():
    clean = parts(0.05)
    ages = [(DAY - pl.Series([each]).str.to_date()[0]).days for each in clean["ds"]]
    dirty = clean.with_columns(
        m_part=pl.when(pl.Series(ages).is_in([1, 7, 20, 21])).then(pl.col("m_events")).otherwise(pl.col("m_part"))
    )
    one, other = judged(clean), judged(dirty)
    assert abs(one["expected"] - other["expected"]) < 0.01
    assert other["high"] - other["low"] < 1.5 * (one["high"] - one["low"])


def test_what_cannot_be_told_is_said():
    young = judged(parts(0.1, weeks=2))
    assert (young["state"], young["low"]) == ("cannot_tell", None)
    assert "2 of them a Tuesday" in young["reason"]
    assert judged(parts(0.1, 0.9), [DAY])["reason"].startswith("a day off: 90.0%")
    nothing = judged(parts(0.1).filter(pl.col("ds") != DS))
    assert (nothing["state"], nothing["reason"], nothing["share"]) == ("cannot_tell", "no events", None)


def test_a_flood_of_bots_moves_the_share_of_bots_alone():
    """Bots without a brand on one day: of people no more is unknown than before."""
    rows = []
    for age, n in traffic(2000).items():
        bots = n // 20 if age else 3 * n
        rows += [(before(age).isoformat(), False, n, n // 50, n // 5), (before(age).isoformat(), True, bots, 0, bots)]
    columns = ["ds", "is_bot", "m_total_events", "m_unknown_country", "m_unknown_brand"]
    history = pl.DataFrame(rows, schema=columns, orient="row")
    (watch,) = (each for each in WATCHES if each.check == "usual_shares")
    found = watch.judge(watch.summary(history), DS, site())
    assert {row["share_of"]: row["state"] for row in found.rows.to_dicts()} == {
        "bots": "breached", "unknown country": "ok", "unknown device brand": "ok",
    }  # fmt: skip
    assert found.reason.startswith("bots: 75.0% of ")
    people_lost = history.filter((pl.col("ds") != DS) | pl.col("is_bot"))
    states = watch.judge(watch.summary(people_lost), DS, site()).rows
    assert states.filter(pl.col("share_of") != "bots")["state"].to_list() == ["cannot_tell"] * 2


def test_no_share_says_anything_of_another():
    """Each is judged as if it were alone, though they are computed together."""
    several = {"few": parts(0.02, mean=200), "many": parts(0.3, 0.1), "none": parts(0.0), "young": parts(0.1, weeks=2)}
    history = pl.concat([each.with_columns(share_of=pl.lit(name)) for name, each in several.items()])
    together = shares.judge(history, DS, list(several), ()).to_dicts()
    alone = [judged(each) | {"share_of": name} for name, each in several.items()]
    assert [row | {"expected": None, "low": None, "high": None} for row in together] == [
        row | {"expected": None, "low": None, "high": None} for row in alone
    ]
    for row, other in zip(together, alone, strict=True):
        for column in ("expected", "low", "high"):
            assert row[column] == pytest.approx(other[column], abs=1e-12)
    assert {row["state"] for row in together} == {"ok", "breached", "cannot_tell"}
