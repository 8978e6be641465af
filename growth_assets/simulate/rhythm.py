"""How much traffic a day brings, and at which hour of a country's day it comes."""

from __future__ import annotations

import datetime as dt

from growth_assets.simulate.dice import Dice, Ints, lottery

WEEKDAY = (1170, 1200, 1190, 1160, 1080, 600, 600)
"""Monday to Sunday in thousandths of a mean day: readers of a site for professionals rest at weekends."""

DAILY_GROWTH = 1.002_13
"""1.5 % a week."""

LOCAL_HOUR = (6, 4, 3, 2, 2, 4, 10, 22, 40, 58, 64, 62, 56, 58, 62, 62, 60, 56, 52, 54, 56, 48, 32, 16)
"""Visits by the hour of the visitor's own clock: the working day, and a smaller top in the evening."""

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_NOISE = 101  # a day is up to 5 % more or less than its weekday says


def day_sizes(days: int, events_per_day: int, seed: int, first_day: dt.date) -> list[int]:
    """Good, distinct events of each day.

    `events_per_day` is the mean over the first week (over all days, where there are fewer), so that a day has
    the same size however many weeks follow it.
    """
    growth = 1.0
    weights: list[float] = []
    for day in range(days):
        noise = int(Dice(seed, day, 1).below(1, _NOISE)[0]) - _NOISE // 2
        weekday = (first_day + dt.timedelta(days=day)).weekday()
        weights.append(WEEKDAY[weekday] * (1000 + noise) * growth)
        growth *= DAILY_GROWTH
    first_week = weights[:7]
    # Added from left to right: `sum` and `fsum` may round otherwise in another Python.
    whole = 0.0
    for weight in first_week:
        whole += weight
    return [int(events_per_day * weight * len(first_week) / whole + 0.5) for weight in weights]


def start_times(dice: Dice, utc_offset_minutes: Ints) -> Ints:
    """Start of each visit in milliseconds of the UTC day, by the clock of the visitor's country."""
    visits = len(utc_offset_minutes)
    hours = lottery(LOCAL_HOUR)
    local = hours[dice.below(visits, len(hours))] * HOUR_MS + dice.below(visits, HOUR_MS)
    return (local - utc_offset_minutes * 60_000) % DAY_MS
