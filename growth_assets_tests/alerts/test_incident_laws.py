"""What opens, worsens and ends an incident; and that neither pieces, repetitions nor restarts change what is told."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.alerts.alert import Alert
from growth_assets.alerts.incidents import Rules, State
from growth_assets.alerts.seen import Ended, Level, Seen

RULES = Rules()
TODAY = dt.datetime(2026, 3, 20, 6, tzinfo=dt.UTC)
GUARDRAIL = ("metrics.signup_conversion_rate", "guardrail")
OK, WARN, ERROR = Level.OK, Level.WARN, Level.ERROR


def ds(back: int) -> str:
    return (TODAY.date() - dt.timedelta(days=back)).isoformat()


def at(order: int) -> float:
    return TODAY.timestamp() + order


class Log:
    """Findings in the order in which they are logged."""

    def __init__(self) -> None:
        self.events: list[Seen | Ended] = []

    def see(
        self, back: int | None, level: Level | None, host: str = "", run: str = "r", days: int = 1, check="", table=""
    ) -> Log:
        order = len(self.events) + 1
        usual, rule = GUARDRAIL
        day = None if back is None else ds(back)
        self.events.append(
            Seen(
                order,
                at(order),
                table or usual,
                check or rule,
                level,
                host,
                not host,
                day,
                f"{run}{order}",
                days,
                says="says",
            )
        )
        return self

    def backfill(self, run: str, levels: dict[int, Level], end: bool = True) -> Log:
        for back, level in levels.items():
            order = len(self.events) + 1
            self.events.append(
                Seen(
                    order, at(order), *GUARDRAIL, level, "", True, ds(back), run, len(levels),
                    newest_of_run=ds(min(levels)),
                )
            )  # fmt: skip
        return self.end(run) if end else self

    def end(
        self, run: str, failed: bool | None = False, days: dict[str, str] | None = None, table="daily tables"
    ) -> Log:
        order = len(self.events) + 1
        self.events.append(Ended(order, at(order), run, table, failed, days or {}, "it failed" if failed else ""))
        return self


def told(log: Log, rules: Rules = RULES) -> list[Alert]:
    return list(State().advance(log.events, rules))


def kinds(log: Log, rules: Rules = RULES) -> list[str]:
    return [each.kind for each in told(log, rules)]


def test_one_message_for_an_incident_and_one_for_its_end():
    log = Log().see(5, OK).see(4, WARN).see(3, WARN).see(2, WARN).see(1, OK).see(0, OK)
    opened, recovered = told(log)
    assert (opened.kind, opened.first_bad_day, opened.level) == ("opened", ds(4), WARN)
    assert (recovered.kind, recovered.ds) == ("recovered", ds(1))
    assert (recovered.first_bad_day, recovered.last_bad_day) == (ds(4), ds(2))
    assert recovered.incident_id == opened.incident_id


def test_it_is_told_again_where_a_warning_becomes_an_error_and_only_then():
    assert kinds(Log().see(4, WARN).see(3, ERROR).see(2, WARN).see(1, ERROR).see(0, OK)) == [
        "opened", "worsened", "recovered",
    ]  # fmt: skip


def test_a_day_that_cannot_be_told_neither_opens_nor_ends_an_incident():
    assert kinds(Log().see(3, None)) == []
    assert kinds(Log().see(3, WARN).see(2, None).see(1, WARN).see(0, None)) == ["opened"]


def test_only_the_newest_day_ends_it():
    # Older days that pass, or are mended, leave the newest one bad.
    assert kinds(Log().see(3, WARN).see(1, WARN).see(3, OK).see(2, OK)) == ["opened"]
    assert kinds(Log().see(3, WARN).see(1, WARN).see(3, OK).see(1, OK)) == ["opened", "recovered"]


def test_days_of_a_past_incident_are_not_told_again_when_they_are_judged_again():
    over = Log().see(5, WARN).see(4, WARN).see(3, OK)
    assert kinds(over.see(4, WARN).see(5, WARN)) == ["opened", "recovered"]
    assert kinds(over.see(2, WARN)) == ["opened", "recovered", "reopened"]
    # More than a week later it is another one.
    assert kinds(Log().see(9, WARN).see(8, OK).see(1, WARN), Rules(quiet_days=30)) == ["opened", "recovered", "opened"]


def test_what_comes_back_every_other_day_is_told_when_it_does_and_when_it_held_for_a_week():
    flapping = Log()
    for back in range(40, 8, -1):
        flapping.see(back, WARN if back % 2 else OK)
    rules = Rules(quiet_days=100)
    opened, recovered, reopened = told(flapping, rules)
    assert [each.kind for each in (opened, recovered, reopened)] == ["opened", "recovered", "reopened"]
    assert reopened.incident_id == opened.incident_id
    assert (reopened.ds, reopened.first_bad_day) == (ds(37), ds(39))
    for back in range(8, 2, -1):
        assert len(told(flapping.see(back, OK), rules)) == 3
    over = told(flapping.see(2, OK), rules)[3]
    assert (over.kind, over.last_bad_day, over.incident_id) == ("recovered", ds(9), opened.incident_id)


def test_a_rule_that_breaks_in_many_tables_for_one_reason_has_one_incident():
    rates, people, sources = "metrics.signup_conversion_rate", "metrics.daily_visitors", "metrics.traffic_breakdown"
    log = Log()
    for table, level in ((rates, ERROR), (people, WARN), (sources, WARN)):
        log.see(1, level, check="due_day_is_there", table=table)
    (opened,) = told(log)
    assert (opened.key, opened.table, opened.level) == (("metrics", "due_day_is_there", ""), rates, ERROR)
    for table in (rates, people):
        log.see(1, OK, check="due_day_is_there", table=table)
    # One that breaks again meanwhile is still the same.
    log.see(1, WARN, check="due_day_is_there", table=people)
    log.see(1, OK, check="due_day_is_there", table=sources)
    assert len(told(log)) == 1
    log.see(0, OK, check="due_day_is_there", table=people)
    assert [each.kind for each in told(log)] == ["opened", "recovered"]
    # Another rule is told of each table.
    assert kinds(Log().see(1, WARN, table=rates).see(1, WARN, table=people)) == ["opened", "opened"]


def test_each_host_has_incidents_of_its_own_and_a_whole_that_passes_ends_all():
    log = Log().see(3, WARN, "www.xx.com").see(3, WARN, "shop.xx.com").see(2, OK, "shop.xx.com")
    assert [(each.kind, each.host) for each in told(log)] == [
        ("opened", "www.xx.com"), ("opened", "shop.xx.com"), ("recovered", "shop.xx.com"),
    ]  # fmt: skip
    assert [(each.kind, each.host) for each in told(log.see(1, OK))][3:] == [("recovered", "www.xx.com")]


def test_history_is_one_summary_a_run_and_the_same_history_is_no_news():
    backfill = {back: WARN if back % 10 == 0 else OK for back in range(60, -1, -1)}
    log = Log().backfill("a", backfill)
    newest, summary = told(log)
    assert (newest.kind, newest.first_bad_day) == ("opened", ds(0))
    assert (summary.kind, summary.first_bad_day, summary.last_bad_day) == ("history", ds(60), ds(10))
    assert "6 days" in summary.says
    assert summary.numbers == {"bad_days": "6", "rules": "1"}
    again = told(log.backfill("b", backfill))
    assert {each.alert_id for each in again} == {newest.alert_id, summary.alert_id}
    # A single late event of long ago is history too; a run without anything bad says nothing.
    assert kinds(Log().see(30, WARN, run="c").end("c1")) == ["history"]
    assert kinds(Log().backfill("d", dict.fromkeys(range(60), OK))) == []


def test_the_newest_days_of_a_long_run_are_news_and_begin_where_they_began():
    bad = dict.fromkeys(range(20, -1, -1), OK) | {12: WARN, 4: WARN, 3: WARN, 2: ERROR, 1: WARN, 0: WARN}
    opened, summary = told(Log().backfill("a", bad).see(0, WARN))
    assert (opened.kind, opened.first_bad_day, opened.ds, opened.level) == ("opened", ds(4), ds(2), ERROR)
    assert (summary.kind, summary.last_bad_day, summary.level) == ("history", ds(3), WARN)
    # A run that ends some days ago: its newest day is news.
    log = Log().backfill("a", {back: WARN if back == 4 else OK for back in range(20, 3, -1)})
    assert kinds(log) == ["opened"]
    # One of long ago is history as a whole.
    assert kinds(Log().backfill("a", dict.fromkeys(range(40, 30, -1), WARN))) == ["history"]


def test_history_ends_an_incident_but_moves_its_first_day_nowhere():
    log = (
        Log().see(2, WARN).see(1, WARN).backfill("a", {back: WARN if back == 40 else OK for back in range(50, -1, -1)})
    )
    assert [(each.kind, each.first_bad_day) for each in told(log)] == [
        ("opened", ds(2)), ("recovered", ds(2)), ("history", ds(40)),
    ]  # fmt: skip


def test_a_failed_run_is_told_unless_its_checks_say_so_themselves():
    assert kinds(Log().end("a", failed=True).end("b").end("c")) == ["opened", "recovered"]
    refused = Log().see(1, ERROR, run="a")
    assert kinds(refused.end("a1", failed=True, days={ds(1): "its check failed"})) == ["opened"]
    both = Log().see(1, ERROR, run="a").end("a1", failed=True, days={ds(1): "check", ds(0): "disk full"})
    assert [(each.check, each.says) for each in told(both)][1:] == [("run", f"{ds(0)}: disk full")]


def test_what_has_no_days_is_a_new_incident_each_time():
    log = Log().see(None, WARN, check="files_readable").see(None, WARN, check="files_readable")
    log.see(None, OK, check="files_readable").see(None, WARN, check="files_readable")
    assert kinds(log) == ["opened", "recovered", "opened"]


def test_a_canceled_run_says_nothing_but_its_history():
    log = Log().end("a", failed=True).see(30, WARN, run="b").end("b2", failed=None)
    assert kinds(log) == ["opened", "history"]


def test_the_level_of_all_hosts_is_not_each_of_them():
    table, rule = GUARDRAIL
    overall = Seen(3, at(3), table, rule, OK, "", False, ds(1))
    log = Log().see(2, WARN, "a.xx.com").see(2, WARN, "")
    assert [each.host for each in State().advance([*log.events, overall], RULES)] == ["a.xx.com", "", ""]


def test_only_what_is_asked_for_is_told():
    assert kinds(Log().see(3, WARN).see(2, ERROR).see(1, OK), Rules(least=ERROR)) == ["opened", "recovered"]


# --- Laws


levels = st.sampled_from([OK, OK, WARN, ERROR, None])


@st.composite
def logs(draw: st.DrawFn) -> list[Seen | Ended]:
    """Runs of one or many days over two rules and two hosts, late days among them."""
    log = Log()
    for number in range(draw(st.integers(1, 8))):
        run, many = f"run{number}", draw(st.sampled_from([1, 1, 1, 3, 10]))
        newest = draw(st.integers(0, 12))
        for back in range(newest + many - 1, newest - 1, -1):
            for check in draw(st.sets(st.sampled_from(["guardrail", "due_day_is_there"]), min_size=1)):
                order = len(log.events) + 1
                log.events.append(
                    Seen(
                        order, at(order), draw(st.sampled_from(["core.t", "core.u"])), check, draw(levels),
                        draw(st.sampled_from(["", "", "a.xx.com", "b.xx.com"])), draw(st.booleans()), ds(back), run,
                        many,
                    )
                )  # fmt: skip
        if draw(st.booleans()):
            log.end(run, failed=draw(st.booleans()))
    return log.events


def in_pieces(events: Sequence[Seen | Ended], cuts: Sequence[int]) -> list[Sequence[Seen | Ended]]:
    ends = [*sorted(cut % (len(events) + 1) for cut in cuts), len(events)]
    starts = [0, *ends[:-1]]
    return [events[start:end] for start, end in zip(starts, ends, strict=True)]


@settings(deadline=None, max_examples=150)
@given(events=logs(), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_neither_pieces_nor_repetitions_nor_restarts_change_what_is_told(events, cuts):
    whole = list(State().advance(events, RULES))
    state, found = State(), []
    read: list[Seen | Ended] = []
    for piece in in_pieces(events, cuts):
        read += piece
        # Everything is read twice, and between two looks there is nothing but what was written down.
        found += [*state.advance(piece, RULES), *state.advance(read, RULES)]
        state = State.from_json(json.loads(json.dumps(state.to_json())))
    assert found == whole


@settings(deadline=None, max_examples=150)
@given(events=logs(), cut=st.integers(0, 200))
def test_what_was_told_is_enough_to_tell_nothing_twice(events, cut):
    """The remembered state is lost: it is made anew from the alerts, and the log is read again from there."""
    before, _ = in_pieces(events, [cut])
    first = list(State().advance(before, RULES))
    again = State.from_alerts(first)
    later = list(again.advance(events, RULES))
    whole = list(State().advance(events, RULES))
    summaries = {each.alert_id for each in whole if each.kind == "history"}
    ids = {each.alert_id for each in [*first, *later] if each.kind != "history" and each.check != "run"}
    assert ids == {each.alert_id for each in whole if each.kind != "history" and each.check != "run"}
    assert summaries >= {each.alert_id for each in first if each.kind == "history"}


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from([OK, WARN, None]), max_size=60))
def test_an_incident_is_told_four_times_at_most_and_never_while_nothing_is_wrong(days):
    log = Log()
    for number, level in enumerate(days):
        log.see(len(days) - number, level)
    of_incident: dict[str, list[str]] = {}
    bad = [ds(len(days) - number) for number, level in enumerate(days) if level is WARN]
    alerts = told(log, Rules(quiet_days=1000))
    for each in alerts:
        of_incident.setdefault(each.incident_id, []).append(each.kind)
        assert (each.ds in bad) == (each.kind != "recovered")
    for told_kinds in of_incident.values():
        assert ["opened", "recovered", "reopened", "recovered"][: len(told_kinds)] == told_kinds
    assert bool(alerts) == bool(bad)
    if bad:
        assert (alerts[0].kind, alerts[0].ds) == ("opened", bad[0])


@settings(deadline=None, max_examples=100)
@given(events=logs(), data=st.data())
def test_rules_and_hosts_do_not_disturb_each_other(events, data):
    """Findings of one table and rule tell the same, whatever lies between them."""
    whole = [each for each in State().advance(events, RULES) if each.kind != "history" and each.check != "run"]
    alone = []
    for check in ("guardrail", "due_day_is_there"):
        own = [each for each in events if isinstance(each, Seen) and each.check == check]
        alone += list(State().advance(own, RULES))
    assert sorted(alone, key=lambda each: (each.order, each.host)) == sorted(
        whole, key=lambda each: (each.order, each.host)
    )


@settings(deadline=None, max_examples=100)
@given(st.permutations(range(5)), st.data())
def test_bad_days_in_any_order_are_one_message(order, data):
    log = Log()
    for back in order:
        log.see(back, WARN)
    assert kinds(log) == ["opened"]
    state = State()
    list(state.advance(log.events, RULES))
    ((_, incident),) = state.open
    assert (incident.first_bad_day, incident.last_bad_day) == (ds(4), ds(0))


@pytest.mark.parametrize("order", [0, -1])
def test_what_was_read_is_not_read_again(order):
    state = State(order=10)
    assert list(state.advance(Log().see(1, WARN).events, RULES)) == []
    assert state.order == 10
