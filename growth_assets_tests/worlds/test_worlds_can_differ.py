"""The oracle is no echo: with a defect in the product some small world differs, and its seed is told."""

import pytest

from growth_assets.enrich import country
from growth_assets.fct import identity
from growth_assets.ingest import landing, placing
from growth_assets.sources import batch
from growth_assets_tests.worlds import __main__ as command
from growth_assets_tests.worlds.play import World

DEFECTS = {
    "a file that grew is taken for another": (landing, "_begun_by", lambda *_: []),
    "what a dead process left counts": (placing, "tidy", lambda *_: None),
    "repeated ids stay": (identity.Suspects, "repeated_ids", lambda *_: None),
    "equal fields stay": (identity.Suspects, "repeated_fields", lambda *_: None),
    "equal times stay": (identity, "tell_apart", lambda ordered: ordered),
    "texts of rejected lines are cut short": (batch, "TEXT_LIMIT", 3),
    "no country": (country.CountryDatabase, "_country", lambda *_: "ZZ"),
}


SHOWN_LATE = {"what a dead process left counts": 400, "equal fields stay": 140}
"""Defects that few worlds show, and near which world to look."""


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(defect, monkeypatch, tmp_path):
    monkeypatch.setattr(*DEFECTS[defect])
    first = SHOWN_LATE.get(defect, 100)
    assert any(World(seed, tmp_path / str(seed)).play() for seed in range(first, first + 10))


def test_one_world_is_played_by_its_seed_and_tells_what_differs(monkeypatch, capsys, tmp_path):
    arguments = ["worlds", "--seed", "7", "--keep", str(tmp_path / "site")]
    monkeypatch.setattr("sys.argv", arguments)
    assert command.main() == 0
    assert capsys.readouterr().out.endswith("1 of 1 worlds agree with the oracle\n")
    monkeypatch.setattr(country.CountryDatabase, "_country", lambda *_: "XX")
    monkeypatch.setattr("sys.argv", ["worlds", "--seed", "7"])
    assert command.main() == 1
    told = capsys.readouterr().out
    assert "python -m growth_assets_tests.worlds --seed 7" in told
    assert "  found    " in told
    assert "  expected " in told


def test_the_same_seed_is_the_same_world(tmp_path):
    one, two = World(11, tmp_path / "one"), World(11, tmp_path / "two")
    assert one.play() == two.play() == []
    assert [each.content for each in one.streams] == [each.content for each in two.streams]
    assert one.tally == two.tally
    assert one.history.names == two.history.names
