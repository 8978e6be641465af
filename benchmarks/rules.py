"""The rules that are in use elsewhere, on the days of some hosts, the judged day last.

Elementary's are those of its anomaly tests as documented: a day is an anomaly when it lies more than three standard
deviations from the mean of its training period.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]
Alarms = npt.NDArray[np.bool_]

_SENSITIVITY = 3.0
_TRAINING = 14  # days, the judged one among them


def week_over_week(series: Series, tolerance: float) -> Alarms:
    """More or less than a week before by more than the tolerance."""
    before, today = series[:, -8], series[:, -1]
    return np.asarray(np.abs(today - before) > tolerance * before)


def elementary_default(series: Series) -> Alarms:
    """Far from the mean of the last fourteen days, the judged one among them."""
    return _far(series[:, -1], series[:, -_TRAINING:])


def elementary_weekday(series: Series) -> Alarms:
    """Far from the mean of all the same weekdays before, the judged day excluded, however few they are."""
    return _far(series[:, -1], series[:, -8::-7])


def _far(today: Series, training: Series) -> Alarms:
    mean, deviation = training.mean(axis=1), training.std(axis=1, ddof=1)
    return np.asarray(np.abs(today - mean) > _SENSITIVITY * deviation)


RIVALS: Mapping[str, Callable[[Series], Alarms]] = {
    "week over week +-20 %": partial(week_over_week, tolerance=0.2),
    "week over week +-50 %": partial(week_over_week, tolerance=0.5),
    "Elementary, default": elementary_default,
    "Elementary, weekday, day excluded": elementary_weekday,
}
