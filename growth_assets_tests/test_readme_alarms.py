"""README's tables of alarms: laid out as the harness prints them, and what is said of them is so."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import alarm_tables, alarms

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def tables(text):
    """Each table's lines, without its rule of dashes."""
    blocks = re.findall(r"(?:^\|.*\|\n?)+", text, re.M)
    kept = [block.splitlines() for block in blocks if "| rule |" in block.splitlines()[0]]
    return [[lines[0], *lines[2:]] for lines in kept]


def cells_of(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_readme_shows_the_tables_as_the_harness_prints_them():
    shown, printed = tables(README), tables(alarm_tables.as_text(alarms.measure(1, seed=7), 1, 7))
    assert len(shown) == len(printed) == 2
    for mine, other in zip(shown, printed, strict=True):
        assert mine[0] == other[0]
        assert [cells_of(line)[:2] for line in mine] == [cells_of(line)[:2] for line in other]
        for line in mine[1:]:
            assert all(re.fullmatch(r"(?:\d+\.\d\*?|-) / (?:\d+\.\d\*?|-)", cell) for cell in cells_of(line)[2:])
    (runs,) = re.findall(r"^(\d+) runs a cell, seed \d+; per cent, with 4 / 8 weeks of history", README, re.M)
    assert int(runs) >= 500


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
