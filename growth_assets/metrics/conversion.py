"""A conversion rate: one count of events divided by another, per host and overall, people and bots apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import pandera.polars as pa
import polars as pl

from growth_assets.agg import hostname_events
from growth_assets.agg.grouping_sets import OVERALL, level_name, names_of, roll_up
from growth_assets.checks import guardrail
from growth_assets.checks.agreement import disagreements, levels_add_up
from growth_assets.contracts.contract import (
    Contract,
    Finding,
    FrameRule,
    RowRule,
    column,
    columns,
    not_null,
    rolled_up,
    shared,
    unique_key,
)
from growth_assets.contracts.table import History, State
from growth_assets.settings import Settings

HOST = ("dim_hostname",)

LEVELS = [(), HOST]

SAME_WEEKDAYS = History(hostname_events.TABLE.name, tuple(range(7, 57, 7)))
"""The eight same weekdays before: with them a rate is compared."""


GUARDRAIL_COLUMNS = ("baseline_rate", "rate_low", "rate_high", "guardrail_state")
"""What is plotted beside the rate and its two counts."""


def rate_columns(
    value: str, value_text: str, numerator: str, numerator_text: str, denominator: str, denominator_text: str
) -> dict[str, pa.Column]:
    """The columns of a conversion metric: host, value, numerator, denominator, the same of bots, people, level, ds."""
    bots_above, bots_below = bot_name(numerator), bot_name(denominator)
    return columns(
        [
            *rolled_up("dim_hostname"),
            (value, column(pl.Float64(), f"{value_text}; NULL where {denominator} is 0", nullable=True)),
            (numerator, column(pl.Int64(), f"{numerator_text}, without bots")),
            (denominator, column(pl.Int64(), f"{denominator_text}, without bots")),
            (bots_above, column(pl.Int64(), f"{numerator_text} by bots")),
            (bots_below, column(pl.Int64(), f"{denominator_text} by bots")),
            (people_name(numerator), column(pl.Int64(), f"Distinct visitors behind {numerator}")),
            *shared("aggregation_level", "ds"),
            (
                "baseline_rate",
                column(pl.Float64(), f"Usual {value} on this weekday; NULL where unknown", nullable=True),
            ),
            ("rate_low", column(pl.Float64(), f"{value} of the day, lower end of its 95 % interval", nullable=True)),
            ("rate_high", column(pl.Float64(), f"{value} of the day, upper end of its 95 % interval", nullable=True)),
            (
                "guardrail_state",
                column(pl.String(), "ok, breached (the rate fell below the usual one), or cannot_tell"),
            ),
            ("guardrail_reason", column(pl.String(), "Why it is breached, or cannot be told; empty when ok")),
        ]
    )


def made_from(rate: dict[str, pa.Column]) -> dict[str, tuple[str, ...]]:
    """What the columns of a conversion metric are made from."""
    _, value, numerator, denominator, bots_above, bots_below, people, *_ = rate
    counted = ("dim_action_type", "is_bot")
    compared = tuple(f"{hostname_events.TABLE.name}.{name}" for name in ("m_total_events", *counted, "dim_hostname"))
    return {
        **dict.fromkeys((value, numerator, denominator, bots_above, bots_below), counted),
        people: ("logged_out_user_id", *counted),
        **dict.fromkeys((*GUARDRAIL_COLUMNS, "guardrail_reason"), compared),
    }


def bot_name(measure: str) -> str:
    """`m_signups` to `m_bot_signups`."""
    return measure.replace("m_", "m_bot_", 1)


def people_name(measure: str) -> str:
    """`m_signups` to `m_signups_visitors`: the people behind a count of events."""
    return f"{measure}_visitors"


def rate_contract(rate: dict[str, pa.Column]) -> Contract:
    """What a conversion metric keeps."""
    _, value, numerator, denominator, *_ = rate
    return Contract(
        rate,
        row_rules=(
            not_null(numerator),
            not_null(denominator),
            RowRule("numerator_not_negative", numerator, pl.col(numerator) >= 0, f"{numerator} is not negative"),
            RowRule(
                "value_is_ratio",
                value,
                (pl.col(value) * pl.col(denominator) - pl.col(numerator)).abs().fill_null(0) < 1e-6,
                f"{value} is {numerator} / {denominator}, and null only without {denominator}",
            ),
            RowRule(
                "value_null_only_without_denominator",
                value,
                pl.col(value).is_null() == (pl.col(denominator) == 0),
                f"{value} is null exactly where {denominator} is 0",
            ),
            RowRule(
                "guardrail_state_known",
                "guardrail_state",
                pl.col("guardrail_state").is_in(get_args(State)),
                f"guardrail_state is {', '.join(get_args(State))}",
            ),
            RowRule(
                "interval_in_order",
                "rate_low",
                (pl.col("rate_low") <= pl.col("rate_high")).fill_null(value=True)
                & (pl.col("rate_low").is_null() == pl.col("rate_high").is_null()),
                "rate_low is not above rate_high, and neither is there without the other",
            ),
            RowRule(
                "aggregation_level_known",
                "aggregation_level",
                pl.col("aggregation_level").is_in(list(names_of(LEVELS))),
                "aggregation_level is dim_hostname or overall",
            ),
        ),
        frame_rules=(
            unique_key("aggregation_level", "dim_hostname"),
            one_overall_row(),
            hosts_add_up(numerator),
        ),
    )


def one_overall_row() -> FrameRule:
    """The table has its overall row, once; an empty table has not."""
    broken = ((pl.col("aggregation_level") == OVERALL).sum() != 1).cast(pl.Int64)
    return FrameRule("one_overall_row", broken, "there is exactly one overall row")


def hosts_add_up(measure: str) -> FrameRule:
    """The hosts' counts of events make the overall one."""
    per_host = pl.col(measure).filter(pl.col("aggregation_level") == level_name(HOST)).sum()
    overall = pl.col(measure).filter(pl.col("aggregation_level") == OVERALL).sum()
    return FrameRule(
        "hosts_add_up", (per_host != overall).cast(pl.Int64), f"{measure} of all hosts add up to the overall one"
    )


KEY = ("aggregation_level", *HOST, "ds")


def counts(events: pl.LazyFrame, rate: dict[str, pa.Column], *, above: pl.Expr, below: pl.Expr) -> pl.DataFrame:
    """The counts of some events that a metric is made of; `above` and `below` say which are counted."""
    return roll_up(events, HOST, LEVELS, **_measures(rate, above, below))


def conversion(
    rolled: pl.DataFrame,
    inputs: Mapping[str, pl.LazyFrame],
    settings: Settings,
    rate: dict[str, pa.Column],
    *,
    above: pl.Expr,
    below: pl.Expr,
) -> pl.DataFrame:
    """The metric of one day, from the `counts` of all its events.

    It is compared with the same weekdays before, as core.agg_hostname_events counted them.
    """
    _, value, numerator, denominator, *_ = rate
    counted = pl.concat([inputs[SAME_WEEKDAYS.name], inputs[hostname_events.TABLE.name]])
    ds = rolled["ds"][0]
    judged: dict[tuple[str, str | None], tuple[float | str | None, ...]] = {}
    if ds:
        rows = guardrail.judge(_rates(counted, above, below), ds, settings.guardrails.margin, settings.days_off)
        judged = {(level, host): (*told,) for level, host, *told in rows.iter_rows()}
    nothing = (None, None, None, "cannot_tell", "there is no event")
    keys = zip(rolled["aggregation_level"].to_list(), rolled["dim_hostname"].to_list(), strict=True)
    compared = pl.DataFrame([judged.get(key, nothing) for key in keys], schema=_COMPARED, orient="row")
    counts_of = zip(rolled[numerator].to_list(), rolled[denominator].to_list(), strict=True)
    rates = pl.Series(value, [some / of if of else None for some, of in counts_of], dtype=pl.Float64)
    return rolled.hstack([rates, *compared.get_columns()])[list(rate)]


_COMPARED = {
    "baseline_rate": pl.Float64, "rate_low": pl.Float64, "rate_high": pl.Float64, "guardrail_state": pl.String,
    "guardrail_reason": pl.String,
}  # fmt: skip
"""What a guardrail says of a rate, in the order in which it does."""


def recounted(
    events: pl.LazyFrame, frame: pl.DataFrame, rate: dict[str, pa.Column], *, above: pl.Expr, below: pl.Expr
) -> Sequence[Finding]:
    """What of the counts of a metric is not what the events say."""
    return disagreements(events, frame, names_of(LEVELS), **_measures(rate, above, below))


def hosts_agree(frame: pl.DataFrame, rate: dict[str, pa.Column]) -> Sequence[Finding]:
    """Whether the hosts of a metric add up to its overall row."""
    _, _, numerator, denominator, *_ = rate
    return [levels_add_up(frame, [numerator, denominator, bot_name(numerator), bot_name(denominator)])]


def _measures(rate: dict[str, pa.Column], above: pl.Expr, below: pl.Expr) -> dict[str, dict[str, pl.Expr]]:
    """The events and the visitors that are counted, by column."""
    _, _, numerator, denominator, *_ = rate
    person, bot = ~pl.col("is_bot"), pl.col("is_bot")
    return {
        "counts": {
            numerator: above & person,
            denominator: below & person,
            bot_name(numerator): above & bot,
            bot_name(denominator): below & bot,
        },
        "visitors": {people_name(numerator): above & person},
    }


def _rates(counted: pl.LazyFrame, above: pl.Expr, below: pl.Expr) -> pl.DataFrame:
    """Numerator and denominator of some days, overall and of each host, without bots."""
    measures = {"numerator": above, "denominator": below}
    sums = [
        pl.col("m_total_events").filter(wanted & ~pl.col("is_bot")).sum().alias(name)
        for name, wanted in measures.items()
    ]
    hosts = counted.group_by("ds", "dim_hostname").agg(sums).collect()
    total: dict[str, list[int]] = {}
    for day, _, *counts_of_host in hosts.iter_rows():
        total[day] = [sum(pair) for pair in zip(total.get(day, (0, 0)), counts_of_host, strict=True)]
    overall = pl.DataFrame([(day, None, *sums) for day, sums in total.items()], schema=hosts.schema, orient="row")
    levels = [OVERALL] * overall.height + [level_name(HOST)] * hosts.height
    return pl.concat([overall, hosts]).hstack([pl.Series("aggregation_level", levels, dtype=pl.String)])
