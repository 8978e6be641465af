"""What is remembered between two looks, and that it is made anew where it is damaged."""

from __future__ import annotations

import json

import pytest

from growth_assets.alerts import memory
from growth_assets.alerts.alert import Alert
from growth_assets.alerts.journal import Journal
from growth_assets.alerts.seen import Level
from growth_assets.orchestration import doctor

ALERT = Alert(
    "a1", "i1", "opened", Level.WARN, "metrics.signup_conversion_rate", "guardrail", "www.xx.com", "2026-03-18",
    "2026-03-18", "2026-03-18", 7, 1774000000.0, "run-1",
)  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        {"outbox": []}, {"state": []}, {"log": 1}, {"outbox": {"a": ["2026-11", {"x": ["three", 0]}]}},
        {"state": {"order": "x", "incidents": [], "history": {}, "refused": {}}},
        {"state": {"order": 1, "incidents": [["a", "b", "", {}]], "history": {}, "refused": {}}},
    ],
)  # fmt: skip
def test_a_malformed_memory_is_made_anew(site, damage):
    settings = site()
    journal = Journal(settings)
    journal.add([ALERT], ["x"])
    memory.save(settings, memory.load(settings, journal))
    whole = memory.load(settings, journal)
    assert not whole.damaged
    path = memory.path(settings)
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    made = memory.load(settings, journal)
    assert (made.state, made.outbox, made.damaged) == (whole.state, whole.outbox, True)
    assert [each.well for each in doctor.alerts(settings)].count(False) == 1
