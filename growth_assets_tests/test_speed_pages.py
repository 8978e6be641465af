"""README and the profile page show what the harness measured, and what they say of it is so."""

from __future__ import annotations

import json

import pytest

from benchmarks import compare, contenders, worlds

KEPT = json.loads(compare.KEPT.read_text(encoding="utf-8"))


def test_the_pages_and_the_chart_show_what_is_kept():
    assert compare.as_text(KEPT) in compare.README.read_text(encoding="utf-8")
    page = compare.PROFILE.read_text(encoding="utf-8")
    assert compare.steps_text(KEPT) in page
    assert compare.CHART.read_text(encoding="utf-8") == compare.as_svg(KEPT)
    assert f"a sample of {contenders.SAMPLE_LINES:,} lines" in " ".join(page.split())
    assert f"{worlds.USER_AGENTS:,} user agents" in " ".join(page.split())
    assert f"not done after {contenders.PATIENCE:,} s" in " ".join(page.split())


def test_new_numbers_take_the_place_of_those_that_are_kept(tmp_path, monkeypatch):
    for name in ("KEPT", "README", "PROFILE", "CHART"):
        path = getattr(compare, name)
        copy = tmp_path / path.name
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setattr(compare, name, copy)
    compare.keep({**KEPT, "events": 1_234_567})
    assert "1,234,567 events, " in compare.README.read_text(encoding="utf-8")
    assert "a day of 1,234,567 events" in compare.PROFILE.read_text(encoding="utf-8")
    assert "1,234,567 events a day" in compare.CHART.read_text(encoding="utf-8")
    compare.keep(KEPT)
    compare.README.write_text("something else", encoding="utf-8")
    with pytest.raises(LookupError, match="does not show the numbers"):
        compare.keep(KEPT)


def test_how_often_each_took_its_turn_is_told():
    assert "events, one round, each" in compare.as_text({**KEPT, "rounds": 1})
    assert "medians of 3 rounds (of another tool that took over 120 s one run)" in compare.as_text(
        {**KEPT, "rounds": 3}
    )


def test_a_machine_with_other_work_is_named_as_one():
    assert "other work" in compare.as_text({**KEPT, "load": 3.0})
    assert "other work" not in compare.steps_text({**KEPT, "load": 0.1})
