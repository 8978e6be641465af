"""Histories of days for the judgements: what a site looks like, and what goes wrong with it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

DAY = dt.date(2026, 9, 1)  # a Tuesday
DS = DAY.isoformat()
WEEKDAY = (1.17, 1.2, 1.19, 1.16, 1.08, 0.6, 0.6)


def before(age):
    return DAY - dt.timedelta(age)


def traffic(mean, weeks=8, seed=1, noise=0.07, growth=0.015):
    """Counts by age in days, 0 for the judged day."""
    rng = np.random.default_rng(seed)
    counts = {}
    for age in range(7 * weeks, -1, -1):
        usual = mean * WEEKDAY[before(age).weekday()] * (1 - growth * age / 7)
        counts[age] = int(rng.poisson(usual * np.exp(rng.normal(0, noise))))
    counts[0] = int(mean * WEEKDAY[DAY.weekday()])
    return counts


def volumes(hosts):
    """A history of volume.judge from counts by host and age; a count of 0 is no row."""
    rows = [(before(age).isoformat(), host, n) for host, counts in hosts.items() for age, n in counts.items() if n]
    return pl.DataFrame(rows, schema=["ds", "dim_hostname", "m_events"], orient="row")


def rates(hosts, denominators, weeks=8, seed=1, noise=0.05):
    """A history of guardrail.judge: per host a rate; the judged day has exactly it."""
    rng = np.random.default_rng(seed)
    rows = []
    for week in range(weeks + 1):
        total = [0, 0]
        for host, rate in hosts.items():
            below = denominators[host]
            above = rng.poisson(below * rate * np.exp(rng.normal(0, noise))) if week else round(below * rate)
            rows.append((before(7 * week).isoformat(), "dim_hostname", host, int(above), below))
            total = [total[0] + int(above), total[1] + below]
        rows.append((before(7 * week).isoformat(), "overall", None, *total))
    return pl.DataFrame(
        rows, schema=["ds", "aggregation_level", "dim_hostname", "numerator", "denominator"], orient="row"
    )


def hours(mean, weeks=8, seed=1):
    """Counts by age and hour."""
    rng = np.random.default_rng(seed)
    clock = np.array((6, 4, 3, 2, 2, 4, 10, 22, 40, 58, 64, 62, 56, 58, 62, 62, 60, 56, 52, 54, 56, 48, 32, 16))
    return {age: rng.multinomial(n, clock / clock.sum()) for age, n in traffic(mean, weeks, seed).items()}


def shaped(by_age):
    """A history of shape.judge."""
    rows = [
        (before(age).isoformat(), hour, int(n)) for age, counts in by_age.items() for hour, n in enumerate(counts) if n
    ]
    return pl.DataFrame(rows, schema=["ds", "event_hour", "m_events"], orient="row")


PART = "part"


def parts(share, today=None, mean=1000, weeks=8, seed=1):
    """A history of shares.judge."""
    rng = np.random.default_rng(seed)
    rows = []
    for age, n in traffic(mean, weeks, seed).items():
        part = rng.binomial(n, share) if age else round(n * (share if today is None else today))
        rows.append((before(age).isoformat(), PART, n, int(part)))
    return pl.DataFrame(rows, schema=["ds", "share_of", "m_events", "m_part"], orient="row")
