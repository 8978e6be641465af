"""What Spark's driver logs comes to few short lines, without what is secret or what somebody sent."""

from __future__ import annotations

import pytest

from growth_assets.engines.driver_log import KINDS, LONGEST, SECRET, TOLD, Shortened, heard

LOST = "ERROR TaskSchedulerImpl: Lost executor {} on 10.0.0.7: worker lost"


def lines(shortened: Shortened, *records: tuple[str, str]) -> list[str]:
    """What comes of records, each with what its exception says."""
    return shortened.lines("".join(f"{shortened.record}{said}{shortened.raised}{raised}" for said, raised in records))


def test_a_line_is_the_first_of_a_record_and_of_its_exception():
    failed = "WARN TaskSetManager: Lost task 0.0 in stage 1.0: Traceback (most recent call last):\n  ip 203.0.113.9"
    found = lines(Shortened([]), (failed, ""), ("ERROR Utils: Aborting", "No space left on device\nat x"))
    assert found == [failed.partition("\n")[0], "ERROR Utils: Aborting: No space left on device"]
    assert Shortened([]).lines("") == []


def test_no_secret_and_no_control_character_is_shown():
    found = lines(Shortened(["abc", "abc-long", ""]), ("WARN x: abc-long, abc \x1b[2J" + "y" * 999, ""))
    assert found[0].startswith("WARN x: ..., ...  [2Jyyy")
    assert len(found[0]) == LONGEST


@pytest.mark.parametrize(
    "said",
    [
        "url https://u:p%20ss@h/", "denied for token=p%20ss", "GET /x?X-Amz-Signature=p%20ss&b=1", "?sig=p%20ss",
        "fs.s3a.access.key=p%20ss", "delegation=p%20ss", "AWSAccessKeyId=p%20ss", "header Bearer p%20ss", "(p+ss)",
        "first p ss", "key: 'two\nlines'", "first%0Ap ss",
    ],
)  # fmt: skip
def test_a_secret_is_hidden_however_it_is_written_and_wherever_it_is_from(said):
    (found,) = lines(Shortened(["p ss", "two\nlines"]), (f"WARN x: {said}", ""))
    assert "..." in found
    assert not [each for each in ("p ss", "p%20ss", "p+ss", "two") if each in found]


def test_what_is_logged_forges_no_record():
    said = lines(Shortened([]), ("WARN x: file a\x1eERROR Forged: everything is lost\x1f", ""))
    assert said == ["WARN x: file a ERROR Forged: everything is lost"]
    assert Shortened([]).record != Shortened([]).record


def test_a_driver_that_logs_by_another_library_is_told_of_once():
    class Package:
        """What py4j gives for a class that is not there."""

        def __getattr__(self, name):
            return Package()

    said = heard(Package(), [])
    assert said() == ["WARN growth_assets: what the driver warns of is in its stderr alone (TypeError)"]
    assert said() == []


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
        told += lines(shortened, (LOST.format(number), ""))
    assert told[:TOLD] == [LOST.format(number) for number in range(TOLD)]
    assert [each.partition(" (")[2] for each in told[TOLD:]] == [
        "for the 10th time)", "for the 100th time)", "for the 1,000th time)"
    ]  # fmt: skip
    others = [(f"WARN Other: {'x' * number}", "") for number in range(2 * KINDS)]
    assert len(lines(shortened, *others)) == KINDS - 1
