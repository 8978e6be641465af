"""From findings to verdicts: each rule fails its own check, and rows put aside warn up to their allowed share."""

from __future__ import annotations

import pytest

from growth_assets.checks.verdict import AGREEMENT, CONSERVATION, CONTRACT, Verdict, check_names, conservation, verdicts
from growth_assets.contracts.contract import Finding
from growth_assets.contracts.table import Balance, Table
from growth_assets.tables import BY_NAME, TABLES
from growth_assets_tests.contracts.planted import MAY_BE_EMPTY, PLANTED, Planted, good
from growth_assets_tests.tables.days import site

NAMES = [table.name for table in TABLES]


def judged(name: str, frame, settings=None) -> list[Verdict]:
    settings = settings or site()
    table = BY_NAME[name]
    return verdicts(table, table.contract(settings).audit(frame), {}, settings.max_quarantined_share)


@pytest.mark.parametrize("name", NAMES)
def test_every_check_of_a_table_is_judged_and_passes_on_a_good_frame(name):
    found = judged(name, good(name))
    assert [verdict.check for verdict in found] == [
        each for each in check_names(BY_NAME[name]) if each not in {AGREEMENT, CONSERVATION}
    ]
    assert all(verdict.passed and not verdict.blocks for verdict in found)


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_a_planted_fault_fails_its_check_and_no_other(planted: Planted):
    own = BY_NAME[planted.table].checks
    expected = {rule if rule in own else CONTRACT for rule in {planted.rule, *planted.also}}
    found = {verdict.check: verdict for verdict in judged(planted.table, planted.frame, planted.settings)}
    assert {check for check, verdict in found.items() if not verdict.passed} == expected
    assert all(found[check].blocks for check in expected)
    # The rule is told by name or in words.
    told = found[planted.rule if planted.rule in own else CONTRACT]
    (rule,) = (r for r in BY_NAME[planted.table].contract(planted.settings).rules if r.name == planted.rule)
    assert rule.description in told.description
    counted = told.numbers["broken_rows"] if planted.rule in own else told.numbers[planted.rule]
    assert counted == planted.broken


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_table_is_published_only_where_nothing_is_an_answer(name):
    blocked = any(verdict.blocks for verdict in judged(name, good(name).clear()))
    assert blocked == (name not in MAY_BE_EMPTY)


# Rows put aside, on a table with one check of its own and one rule that shares the check `contract`.

TABLE = Table(name="core.any", description="", contract=lambda _: None, checks=("own",))  # type: ignore[arg-type,return-value]

FINE = [Finding("own", 100, 0, "own is kept"), Finding("shared", 100, 0, "shared is kept")]


@pytest.mark.parametrize("rule", ["own", "shared"])
@pytest.mark.parametrize(
    ("aside", "passed", "severity"),
    [(0, True, "ERROR"), (1, False, "WARN"), (4, False, "WARN"), (5, False, "WARN"), (6, False, "ERROR")],
)
def test_rows_put_aside_warn_up_to_the_allowed_share_of_what_was_received(rule, aside, passed, severity):
    found = {v.check: v for v in verdicts(TABLE, FINE, {"received": 100, f"quarantined_{rule}": aside}, 0.05)}
    failing, other = ("own", CONTRACT) if rule == "own" else (CONTRACT, "own")
    assert (found[failing].passed, found[failing].severity) == (passed, severity)
    assert found[failing].blocks == (aside > 5)
    assert found[other].passed


@pytest.mark.parametrize(("shared", "blocks"), [(1, False), (2, True)])
def test_the_share_is_that_of_each_rule_and_that_of_all_together(shared, blocks):
    numbers = {"received": 100, "quarantined_own": 4, "quarantined_shared": shared}
    own, together = verdicts(TABLE, FINE, numbers, 0.05)
    assert (own.passed, own.severity) == (False, "WARN")
    assert (together.passed, together.blocks) == (False, blocks)
    assert together.description.startswith("6 of 100 rows are put aside by all rules together: 6.0%") == blocks


@pytest.mark.parametrize(("allowed", "blocks"), [(0.0, True), (1.0, False)])
def test_the_allowed_share_may_be_nothing_or_all(allowed, blocks):
    (own, _) = verdicts(TABLE, FINE, {"received": 100, "quarantined_own": 100 if allowed else 1}, allowed)
    assert (own.passed, own.blocks) == (False, blocks)


def test_a_rule_broken_in_what_is_to_be_published_blocks_whatever_was_put_aside():
    findings = [Finding("own", 100, 1, "own is kept"), FINE[1]]
    for aside in (0, 1):
        (own, _) = verdicts(TABLE, findings, {"received": 101, "quarantined_own": aside}, 0.05)
        assert own.blocks
        assert (own.numbers["broken_rows"], own.numbers["quarantined_rows"]) == (1, aside)


def test_a_rule_that_only_received_rows_can_break_is_judged_too():
    found = verdicts(TABLE, FINE, {"received": 10, "quarantined_received_only": 1}, 0.5)
    assert [(v.check, v.passed, v.severity) for v in found] == [("own", True, "ERROR"), (CONTRACT, False, "WARN")]
    assert found[1].numbers == {"shared": 0, "received_only": 1}
    assert "received_only" in found[1].description


def test_rules_of_what_was_received_are_told_in_words():
    numbers = {"received": 100, "quarantined_user_id_is_bigint": 1}
    table = BY_NAME["core.fct_website_events"]
    found = verdicts(table, table.contract(site()).audit(good(table.name)), numbers, 0.05)[-1]
    assert (found.check, found.passed) == (CONTRACT, False)
    assert found.description == "a user_id that was received is a whole number that fits BIGINT"


def test_the_shared_check_blocks_when_one_of_its_rules_does():
    findings = [FINE[0], Finding("shared", 10, 1, "shared is kept"), Finding("third", 10, 0, "third is kept")]
    found = verdicts(TABLE, findings, {"received": 10, "quarantined_third": 1}, 0.5)
    assert (found[1].check, found[1].blocks) == (CONTRACT, True)
    assert found[1].description == "shared is kept; third is kept"
    assert found[1].numbers == {"shared": 1, "third": 1}


def test_nothing_received_is_no_share():
    (own, together) = verdicts(TABLE, FINE, {"received": 0, "quarantined_own": 0}, 0.0)
    assert own.passed
    assert together.passed
    assert own.numbers["quarantined_share"] == 0


def test_a_check_without_a_rule_is_an_error():
    with pytest.raises(LookupError, match=r"core\.any: no rule of its contract is named own"):
        verdicts(TABLE, FINE[1:], {}, 0.05)


# Nothing lost.

BALANCE = Balance("whole", ("kept", "aside"), ("dropped",))


@pytest.mark.parametrize(
    ("whole", "kept", "aside", "dropped", "passed"),
    [
        (10, 7, 2, 1, True),
        (0, 0, 0, 0, True),
        (10, 10, 0, 0, True),
        (11, 7, 2, 1, False),
        (9, 7, 2, 1, False),
        (10, 6, 2, 1, False),
        (10, 7, 3, 1, False),
        (10, 7, 2, 0, False),
        (1_000_000_000, 999_999_997, 1, 1, False),
    ],
)
def test_one_row_too_few_or_too_many_is_lost(whole, kept, aside, dropped, passed):
    verdict = conservation(BALANCE, {"whole": whole, "kept": kept, "aside": aside}, {"dropped": dropped, "other": 99})
    assert (verdict.check, verdict.passed, verdict.blocks) == (CONSERVATION, passed, not passed)
    assert verdict.numbers == {"whole": whole, "kept": kept, "aside": aside, "dropped": dropped}
    assert verdict.description == "whole = kept + aside + dropped"


@pytest.mark.parametrize("missing", ["whole", "kept", "aside", "dropped"])
def test_what_was_not_counted_is_an_error(missing):
    rows = {"whole": 2, "kept": 1, "aside": 1}
    numbers = {"dropped": 0}
    rows.pop(missing, None)
    numbers.pop(missing, None)
    with pytest.raises(KeyError, match=missing):
        conservation(BALANCE, rows, numbers)


def test_only_tables_with_a_balance_have_the_check_of_it():
    balanced = [table.name for table in TABLES if CONSERVATION in check_names(table)]
    assert balanced == ["raw.website_events", "core.fct_website_events"]
    assert BY_NAME["raw.website_events"].balance == Balance("landing.event_files", ("raw.website_events",))
    balance = BY_NAME["core.fct_website_events"].balance
    assert balance == Balance(
        "raw.website_events", ("core.fct_website_events", "raw.quarantined_events"), ("duplicates",)
    )
