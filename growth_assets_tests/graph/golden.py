"""The asset graph as text, so that a change of it shows in a diff.

After a wanted change: `python -m growth_assets_tests.graph.golden` writes `golden_graph.txt` anew; review its diff.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.definitions.freshness import CronFreshnessPolicy, TimeWindowFreshnessPolicy

from growth_assets.orchestration.graph import definitions
from growth_assets.settings import load

GOLDEN = Path(__file__).with_name("golden_graph.txt")

HEADER = "# Every asset of the graph. Renew: python -m growth_assets_tests.graph.golden"


def example_definitions(folder: Path) -> dg.Definitions:
    """The definitions of a site whose data folder holds nothing but a site.toml."""
    (folder / "site.toml").write_text('first_day = 2026-01-01\nhostnames = ["www.xx.com"]\n', encoding="utf-8")
    return definitions(load(folder))


def graph_text(defs: dg.Definitions) -> str:
    """All assets in the order of their keys, then whatever else the definitions hold."""
    graph = defs.resolve_asset_graph()
    lines = [HEADER]
    for key in sorted(graph.get_all_asset_keys()):
        lines += ["", *_asset(graph, key)]
    lines += ["", "executor " + (defs.executor.name if isinstance(defs.executor, dg.ExecutorDefinition) else "default")]
    for job in sorted(defs.jobs or (), key=lambda each: each.name):
        lines += [f"job {job.name}", f"  {job.description}"]
    for name in sorted(each.name for each in defs.schedules or ()):
        schedule = defs.resolve_schedule_def(name)
        lines += [f"schedule {name}", f"  {schedule.description}"]
        lines.append(f"  {schedule.default_status.value.lower()} at {schedule.cron_schedule}")
    lines += list(_sensors(defs)) or ["sensors none"]
    lines.append(f"resources {', '.join(sorted(defs.resources or {})) or 'none'}")
    return "\n".join(lines) + "\n"


def _asset(graph: dg.AssetGraph, key: dg.AssetKey) -> Iterator[str]:
    node = graph.get(key)
    yield key.to_user_string()
    yield f"  {(node.description or '').splitlines()[0]}"
    yield f"  group {node.group_name}"
    yield f"  kinds {', '.join(sorted(node.kinds))}"
    yield f"  owners {', '.join(node.owners)}"
    tags = [f"{name}={value}" for name, value in sorted(node.tags.items()) if not name.startswith("dagster/kind/")]
    yield f"  tags {', '.join(tags) or 'none'}"
    yield f"  deps {', '.join(sorted(dep.to_user_string() for dep in node.parent_keys)) or 'none'}"
    yield f"  partitions {str(node.partitions_def).rstrip('.') if node.partitions_def else 'none'}"
    backfill = node.backfill_policy
    yield f"  backfill {backfill.policy_type.value.lower() if backfill else 'one run a partition'}"
    yield f"  freshness {_freshness(node.freshness_policy)}"
    condition = node.automation_condition
    yield f"  automation {condition.get_label() or condition.name or str(condition) if condition else 'none'}"
    lineage = node.metadata.get("dagster/column_lineage") or dg.TableColumnLineage({})
    yield from _columns(node.metadata.get("dagster/column_schema"), lineage)
    yield "  checks"
    for check in sorted(graph.get_check_keys_for_assets({key}), key=lambda each: each.name):
        spec = graph.get_check_spec(check)
        days = "a day" if spec.partitions_def else "a run"
        blocks = ", blocks" if spec.blocking else ""
        yield f"    {spec.name}, {days}{blocks}: {spec.description}"


def _sensors(defs: dg.Definitions) -> Iterator[str]:
    graph = defs.resolve_asset_graph()
    for name in sorted(each.name for each in defs.sensors or ()):
        sensor = defs.resolve_sensor_def(name)
        targets = sensor.asset_selection.resolve(graph) if sensor.asset_selection else set()
        yield f"sensor {name}"
        yield f"  {sensor.description}"
        yield f"  {sensor.default_status.value.lower()} every {sensor.minimum_interval_seconds} s"
        yield f"  asks for {', '.join(sorted(key.to_user_string() for key in targets)) or 'nothing'}"


def _freshness(policy: object) -> str:
    if policy is None:
        return "none"
    if isinstance(policy, CronFreshnessPolicy):
        hours = policy.lower_bound_delta.total_seconds() / 3600
        return f"by {policy.deadline_cron} {policy.timezone}, materialized in the {hours:g} h before"
    if not isinstance(policy, TimeWindowFreshnessPolicy):
        return str(policy)
    warn, fail = ((window.days * 24 + window.seconds / 3600) for window in (policy.warn_window, policy.fail_window))
    return f"warn after {warn:g} h, fail after {fail:g} h"


def _columns(schema: object, lineage: dg.TableColumnLineage) -> Iterator[str]:
    if not isinstance(schema, dg.TableSchema):
        yield "  columns none"
        return
    yield "  columns"
    for column in schema.columns:
        yield f"    {column.name} {column.type}{'' if column.constraints.nullable else ' NOT NULL'}"
        sources = lineage.deps_by_column.get(column.name, ())
        if sources:
            named = (f"{source.asset_key.path[-1]}.{source.column_name}" for source in sources)
            yield f"      from {', '.join(named)}"
        for rule in column.constraints.other:
            yield f"      {rule}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        GOLDEN.write_text(graph_text(example_definitions(Path(name))), encoding="utf-8")
