"""What Spark's driver logs comes to few short lines, without what is secret or what somebody sent."""

from __future__ import annotations

import pytest

from growth_assets.engines.driver_log import KINDS, LONGEST, RAISED, RECORD, SECRET, TOLD, Shortened

LOST = "ERROR TaskSchedulerImpl: Lost executor {} on 10.0.0.7: worker lost"


def of(*records: tuple[str, str]) -> str:
    return "".join(f"{RECORD}{said}{RAISED}{raised}" for said, raised in records)


def test_a_line_is_the_first_of_a_record_and_of_its_exception():
    failed = "WARN TaskSetManager: Lost task 0.0 in stage 1.0: Traceback (most recent call last):\n  ip 203.0.113.9"
    found = Shortened([]).lines(of((failed, ""), ("ERROR Utils: Aborting", "No space left on device\nat x")))
    assert found == [failed.partition("\n")[0], "ERROR Utils: Aborting: No space left on device"]
    assert Shortened([]).lines("") == []


def test_no_secret_and_no_control_character_is_shown():
    found = Shortened(["abc", "abc-long", ""]).lines(of(("WARN x: abc-long, abc \x1b[2J" + "y" * 999, "")))
    assert found[0].startswith("WARN x: ..., ...  [2Jyyy")
    assert len(found[0]) == LONGEST


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("spark.ssl.keyPassword", True), ("spark.hadoop.fs.s3a.access.key", True), ("spark.authenticate.secret", True),
        ("spark.executorEnv.AWS_ACCESS_KEY_ID", True), ("spark.executor.memory", False), ("spark.driver.host", False),
    ],
)  # fmt: skip
def test_a_secret_is_known_by_the_name_of_its_setting(name, secret):
    assert bool(SECRET.search(name)) is secret


def test_a_thousand_lines_of_a_kind_hide_no_other():
    shortened, told = Shortened([]), list[str]()
    for number in range(1_000):
        told += shortened.lines(of((LOST.format(number), "")))
    assert told[:TOLD] == [LOST.format(number) for number in range(TOLD)]
    assert [each.partition(" (")[2] for each in told[TOLD:]] == [
        "for the 10th time)", "for the 100th time)", "for the 1,000th time)"
    ]  # fmt: skip
    others = [(f"WARN Other: {'x' * number}", "") for number in range(2 * KINDS)]
    assert len(shortened.lines(of(*others))) == KINDS - 1
