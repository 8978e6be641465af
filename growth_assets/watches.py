"""The checks that compare a day with those before it: what each reads, and what it asks of the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import polars as pl

from growth_assets.agg import hostname_events
from growth_assets.agg import website_events as agg_website_events
from growth_assets.checks import shape, shares, volume
from growth_assets.contracts.table import History, Judgement, State, Watch
from growth_assets.fct import website_events as fct_website_events
from growth_assets.metrics import purchase_conversion_rate, signup_conversion_rate
from growth_assets.settings import Settings

DAYS_BACK = 56
"""Eight weeks: enough to know a weekday, few enough to follow a site that grows."""

EARLIER = History(hostname_events.TABLE.name, tuple(range(1, DAYS_BACK + 1)))

_STATES: tuple[State, ...] = ("breached", "cannot_tell", "ok")
"""The worst first: what is breached is to be said, whatever cannot be told beside it."""


def judgement(rows: pl.DataFrame, subject: str) -> Judgement:
    """The rows of a judgement, one for each `subject`, as one: its state is the worst that is sure.

    What cannot be told of one host says nothing of the others: of the day it cannot be told where it cannot of any.
    """
    by_state: dict[str, list[int]] = {state: [] for state in _STATES}
    for row, its_state in enumerate(rows["state"]):
        by_state[its_state].append(row)
    breached, unsure, fine = (by_state[state] for state in _STATES)
    state: State = "breached" if breached else "ok" if fine else "cannot_tell"
    subjects = rows[subject].to_list() if subject else [""] * rows.height
    reasons = [
        f"{of}: {reason}" if of else reason
        for of, reason in sorted(
            ((subjects[row], rows["reason"][row]) for row in by_state[state]), key=lambda said: said[1]
        )
        if reason
    ]
    distinct = list(dict.fromkeys(reasons))
    more = [f"and {len(distinct) - REASONS} more"] if len(distinct) > REASONS else []
    return Judgement(
        state,
        "; ".join([*distinct[:REASONS], *more]) or ("" if state == "ok" else "there is nothing to compare"),
        {"breached": len(breached), "cannot_tell": len(unsure), "ok": len(fine)},
        # Few are shown of many hosts; an alert has to see which are well again.
        rows[[*breached, *fine, *unsure]],
    )


REASONS = 5
"""So many reasons are said, and how many there are beside them; all are among the rows."""


def _events_of_hosts(rows: pl.DataFrame) -> pl.DataFrame:
    return _summed(rows, "dim_hostname")


def _volume(history: pl.DataFrame, ds: str, settings: Settings) -> Judgement:
    return judgement(volume.judge(history, ds, settings.days_off), "dim_hostname")


def _events_of_hours(rows: pl.DataFrame) -> pl.DataFrame:
    return _summed(rows.filter(~rows["is_bot"]), "event_hour")


def _summed(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    """`m_events` of each day and value of a column. A day has some hundred rows, fewer than a query is worth."""
    sums: dict[tuple[str, object], int] = {}
    for ds, value, events in zip(*(rows[name].to_list() for name in ("ds", by, "m_total_events")), strict=True):
        sums[ds, value] = sums.get((ds, value), 0) + events
    table = [(*key, events) for key, events in sums.items()]
    return pl.DataFrame(table, schema={"ds": pl.String(), by: rows.schema[by], "m_events": pl.Int64()}, orient="row")


def _shape(history: pl.DataFrame, ds: str, settings: Settings) -> Judgement:
    return judgement(shape.judge(history, ds, settings.days_off), "")


_PEOPLE = ~pl.col("is_bot")

SHARES: Mapping[str, tuple[pl.Expr, pl.Expr]] = {
    "unknown country": (pl.col("m_unknown_country").filter(_PEOPLE), pl.col("m_total_events").filter(_PEOPLE)),
    "unknown device brand": (pl.col("m_unknown_brand").filter(_PEOPLE), pl.col("m_total_events").filter(_PEOPLE)),
    "bots": (pl.col("m_total_events").filter(~_PEOPLE), pl.col("m_total_events")),
}
"""Which parts of a day's events are compared with their usual share of which; a flood of bots moves the bots' alone."""


def _events_of_shares(rows: pl.DataFrame) -> pl.DataFrame:
    sums = [each.sum().cast(pl.Int64).alias(f"{number}") for number, each in enumerate(chain(*SHARES.values()))]
    counted = {"ds": pl.String(), "share_of": pl.String(), "m_part": pl.Int64(), "m_events": pl.Int64()}
    return pl.DataFrame(
        [
            (ds, name, *day[2 * number : 2 * number + 2])
            for ds, *day in rows.group_by("ds").agg(sums).iter_rows()
            for number, name in enumerate(SHARES)
        ],
        schema=counted,
        orient="row",
    )


def _shares(history: pl.DataFrame, ds: str, settings: Settings) -> Judgement:
    return judgement(shares.judge(history, ds, list(SHARES), settings.days_off), "share_of")


def _guardrail(table: str) -> Watch:
    def judge(rows: pl.DataFrame, ds: str, settings: Settings) -> Judgement:  # noqa: ARG001 - as every watch
        shown = rows.select(
            pl.col("dim_hostname").fill_null("overall"),
            pl.exclude("dim_hostname", "guardrail_state", "guardrail_reason", "ds"),
            state="guardrail_state",
            reason="guardrail_reason",
        )
        return judgement(shown, "dim_hostname")

    return Watch(
        table, "guardrail",
        "The rate did not fall below what is usual on this weekday by more than `guardrails.margin`",
        History(table, ()), judge,
    )  # fmt: skip


WATCHES: tuple[Watch, ...] = (
    Watch(
        fct_website_events.TABLE.name, "volume_week_over_week",
        "Each host has as many events as it usually has on this weekday", EARLIER, _volume, _events_of_hosts,
    ),
    Watch(
        agg_website_events.TABLE.name, "event_hour_shape",
        "The events are spread over the hours as they usually are on this weekday, without bots", EARLIER, _shape,
        _events_of_hours,
    ),
    Watch(
        agg_website_events.TABLE.name, "usual_shares",
        "The shares of people's events of no known country and brand, and of bots among all, are the usual ones",
        EARLIER, _shares, _events_of_shares,
    ),
    _guardrail(signup_conversion_rate.TABLE.name),
    _guardrail(purchase_conversion_rate.TABLE.name),
)  # fmt: skip
