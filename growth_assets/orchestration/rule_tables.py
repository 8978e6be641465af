"""What a check found of each of its rules, as tables that the UI shows beside the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from growth_assets.checks.verdict import Verdict


def rule_tables(verdict: Verdict) -> Mapping[str, dg.TableMetadataValue]:
    """`rules`: rows, failing rows and their share, where the check is of several rules; `sample`: some failing rows."""
    rules: list[Mapping[str, str | int | float]] = [
        {"rule": each.rule, "rows": each.rows, "failing": each.failing, "share": each.share}
        for each in verdict.rules
        if each.rule != verdict.check
    ]
    shown: list[Mapping[str, str | int | float]] = [
        {"rule": each.rule, "row": ", ".join(f"{name}={value}" for name, value in row.items())}
        for each in verdict.rules
        for row in each.sample
    ]
    return {name: _table(records) for name, records in (("rules", rules), ("sample", shown)) if records}


def _table(records: Sequence[Mapping[str, str | int | float]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(dict(record)) for record in records])
