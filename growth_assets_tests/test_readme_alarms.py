"""README's tables of alarms: they are what the harness measured, and what is said of them is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks import alarm_tables, alarms
from growth_assets.settings import Guardrails

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
KEPT = json.loads(alarm_tables.KEPT.read_text(encoding="utf-8"))


def tables(text):
    """Each table's lines, without its rule of dashes."""
    blocks = re.findall(r"(?:^\|.*\|\n?)+", text, re.M)
    kept = [block.splitlines() for block in blocks if "| rule |" in block.splitlines()[0]]
    return [[lines[0], *lines[2:]] for lines in kept]


def cells_of(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_readme_shows_what_the_harness_measured():
    assert alarm_tables.as_text(KEPT) in README
    assert KEPT["runs"] >= 500
    assert KEPT["margin"] == Guardrails().margin


def ours(table, measure):
    names = cells_of(table[0])
    return {
        cells_of(line)[0]: [float(part.strip("*")) for part in cells_of(line)[names.index(measure)].split("/")]
        for line in table[1:]
        if cells_of(line)[1] == alarms.OURS
    }


def test_what_readme_says_of_its_tables_is_so():
    volume, conversion = tables(README)
    assert all(share <= 1 for host in ours(volume, "false alarms").values() for share in host)
    assert all(share <= 1 for host in ours(conversion, "false alarms").values() for share in host)
    assert all(share >= 99 for host in ours(volume, "outage").values() for share in host)
    assert ours(volume, "-50 %")["300"][1] >= 80
    assert all(93 <= share <= 97 for host in ours(conversion, "interval").values() for share in host)


def test_what_readme_says_of_sites_of_another_kind_is_so():
    def of(site, measure):
        return [row[measure] for row in KEPT["outside"] if row["site"] == site]

    shrinking, noisy = alarms.OUTSIDE
    said = " ".join(README.split())
    assert f"up to {100 * max(of(shrinking, 'false alarms')):.1f} days in a hundred are false alarms" in said
    assert f"at most {100 * max(of(noisy, 'false alarms')):.1f} are, and half of the halvings pass" in said
    assert 0.4 < max(of(noisy, "-50 %")) < 0.6
    assert min(of(shrinking, "outage") + of(noisy, "outage")) == 1


def test_a_rule_that_sees_more_cries_more_or_is_hardly_ahead():
    ahead = 0
    for table in tables(README):
        head, *lines = (cells_of(line) for line in table)
        mine = {line[0]: line for line in lines if line[1] == alarms.OURS}
        for line in lines:
            for column in range(3, len(head)):
                for at, cell in enumerate(line[column].split(" / ")):
                    if cell.endswith("*"):
                        ahead += 1
                        by = float(cell.strip("*")) - float(mine[line[0]][column].split(" / ")[at])
                        assert by <= 1 + 1e-9 or float(line[2].split(" / ")[at].strip("*")) >= 2, line
    assert ahead > 20
