"""From findings to verdicts: which checks a day's table passed, which warn, which stop it from being published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import Sample
from growth_assets.contracts.table import Balance, Table

CONTRACT = "contract"
"""The check that all rules of a table share which have none of their own."""

AGREEMENT = "agreement"
"""The check that a table says what the one says that it is made from."""

CONSERVATION = "conservation"
"""The check that nothing was lost on the way."""

RESTORE = (
    "restore them from a backup, or delete the entry of each such content in landing/files of the warehouse, bring its "
    "file again and run `growth-assets build`"
)
"""What to do where files of what landed were changed or lost."""


@dataclass(frozen=True)
class RuleNumbers:
    """What was found of one rule."""

    rule: str
    rows: int
    failing: int
    """Rows that break it, be they in the table or put aside."""
    sample: Sample = ()

    @property
    def share(self) -> float:
        """Failing rows of all rows."""
        return self.failing / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check on one table and day."""

    check: str
    passed: bool
    severity: Literal["ERROR", "WARN"]
    """ERROR stops the day: what fails so is not published."""
    description: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    rules: Sequence[RuleNumbers] = ()
    """The numbers of each rule that the check speaks of."""

    @property
    def blocks(self) -> bool:
        """True where the day must not be published."""
        return not self.passed and self.severity == "ERROR"


def check_names(table: Table) -> tuple[str, ...]:
    """The checks of a table, in order."""
    return (
        *table.checks,
        CONTRACT,
        *((AGREEMENT,) if table.agreement else ()),
        *((CONSERVATION,) if table.balance else ()),
    )


def verdicts(
    table: Table, findings: Sequence[Finding], numbers: Mapping[str, int], max_quarantined_share: float,
    aside: Mapping[str, Sample] | None = None,
) -> list[Verdict]:  # fmt: skip
    """A verdict for each rule that has a check of its own, and one for all others.

    A rule that is broken in the frame to be published blocks. Rows put aside for breaking a rule make its check warn,
    and block where they are a larger share of what was received than allowed, and so do those of all rules together;
    those under an excused rule never do.
    `aside` has some of them to show, by rule. Of a table that may not be empty and is, only the failed ones are given.
    """
    by_rule = {finding.rule: finding for finding in findings}
    judged = {
        name: _judge(
            name, table.received_rules.get(name, f"rows keep {name}"), by_rule.get(name), numbers,
            max_quarantined_share, table.excused, (aside or {}).get(name, ()),
        )
        for name in dict.fromkeys((*by_rule, *_quarantined_rules(numbers)))
    }  # fmt: skip
    missing = [name for name in table.checks if name not in judged]
    if missing:
        raise LookupError(f"{table.name}: no rule of its contract is named {', '.join(missing)}")
    found = [*(judged[name] for name in table.checks), _together(judged, table.checks)]
    if not any(verdict.blocks for verdict in found):
        found[-1] = _bounded(found[-1], numbers, table.excused, max_quarantined_share)
    if any(verdict.blocks for verdict in found) and all(finding.rows == 0 for finding in findings):
        # What holds of every row holds of none as well: where no row is no answer, that is not a check passed.
        return [verdict for verdict in found if not verdict.passed]
    return found


def agreement(findings: Sequence[Finding]) -> Verdict:
    """A table says of every group what its events say. No tolerance."""
    broken = [finding for finding in findings if finding.broken]
    return Verdict(
        AGREEMENT,
        passed=not broken,
        severity="ERROR",
        description="; ".join(finding.description for finding in broken or findings),
        numbers={finding.rule: finding.broken for finding in findings},
        rules=[RuleNumbers(each.rule, each.rows, each.broken, each.sample) for each in findings],
    )


def conservation(
    balance: Balance, rows: Mapping[str, int], numbers: Mapping[str, int], gone: Sequence[str] = ()
) -> Verdict:
    """Nothing lost: the rows of the whole are those of its parts and what was counted on the way. No tolerance.

    `gone` names files that should have held rows and are not there.
    """
    whole = rows[balance.whole]
    terms = {name: rows[name] for name in balance.parts} | {name: numbers[name] for name in balance.counted}
    return Verdict(
        CONSERVATION,
        passed=whole == sum(terms.values()),
        severity="ERROR",
        description=f"{balance.whole} = {' + '.join(terms)}" + (f". {files_gone(gone)}" if gone else ""),
        numbers={balance.whole: whole, **terms},
    )


def files_gone(names: Sequence[str]) -> str:
    """Which files are not there, and what to do."""
    return f"Files are gone: {_first_of(names)}. To mend it {RESTORE}"


def files_damaged(names: Sequence[str]) -> str:
    """Which files are there and cannot be read, and what to do."""
    return f"Files are damaged: {_first_of(names)}. To mend it {RESTORE}"


def _first_of(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _quarantined_rules(numbers: Mapping[str, int]) -> list[str]:
    prefix = "quarantined_"
    return [name.removeprefix(prefix) for name in numbers if name.startswith(prefix)]


def _judge(
    name: str, says: str, finding: Finding | None, numbers: Mapping[str, int], allowed: float, excused: Sequence[str],
    put_aside: Sample,
) -> Verdict:  # fmt: skip
    broken = finding.broken if finding else 0
    kept = finding.rows if finding else 0
    aside = numbers.get(f"quarantined_{name}", 0)
    rows = numbers.get("received", kept)
    if name in excused:
        allowed = 1.0
    else:
        rows -= sum(numbers.get(f"quarantined_{each}", 0) for each in excused)
    share = aside / rows if rows else 0.0
    too_many = share > allowed
    sample = (*(finding.sample if finding else ()), *put_aside)
    return Verdict(
        name,
        passed=broken == 0 and aside == 0,
        severity="ERROR" if broken or too_many or not aside else "WARN",
        description=finding.description if finding else says,
        numbers={
            "rows": rows, "broken_rows": broken, "quarantined_rows": aside, "quarantined_share": share,
            "allowed_share": allowed,
        },
        rules=[RuleNumbers(name, rows, broken + aside, sample)],
    )  # fmt: skip


def _bounded(verdict: Verdict, numbers: Mapping[str, int], excused: Sequence[str], allowed: float) -> Verdict:
    """The verdict of the shared check, which blocks where all rules together put too many rows aside."""
    by_rule = {name: numbers[f"quarantined_{name}"] for name in _quarantined_rules(numbers)}
    rows = numbers.get("received", 0) - sum(by_rule.get(name, 0) for name in excused)
    aside = sum(count for name, count in by_rule.items() if name not in excused)
    if not rows or aside / rows <= allowed:
        return verdict
    return replace(
        verdict,
        passed=False,
        severity="ERROR",
        description=f"{aside:,} of {rows:,} rows are put aside by all rules together: {aside / rows:.1%}, and "
        f"max_quarantined_share allows {allowed:.1%}; {verdict.description}",
        numbers={**verdict.numbers, "all_quarantined_rows": aside, "all_quarantined_share": aside / rows},
    )


def _together(judged: Mapping[str, Verdict], own: Sequence[str]) -> Verdict:
    others = {name: verdict for name, verdict in judged.items() if name not in own}
    failed = {name: verdict for name, verdict in others.items() if not verdict.passed}
    blocking = any(verdict.blocks for verdict in failed.values())
    return Verdict(
        CONTRACT,
        passed=not failed,
        severity="ERROR" if blocking or not failed else "WARN",
        description="; ".join(verdict.description for verdict in (failed or others).values()),
        numbers={
            name: int(verdict.numbers["broken_rows"] + verdict.numbers["quarantined_rows"])
            for name, verdict in others.items()
        },
        rules=[each for verdict in others.values() for each in verdict.rules],
    )
