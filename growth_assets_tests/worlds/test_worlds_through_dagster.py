"""Small worlds through the asset graph itself, on a real instance."""

import pytest

from growth_assets_tests.worlds.through_dagster import DagsterWorld

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(5000, 5020))
def test_worlds_through_dagster_agree_with_the_oracle(seed, tmp_path):
    found = DagsterWorld(seed, tmp_path / "site").play()
    assert found == [], f"play it again: python -m growth_assets_tests.worlds --seed {seed} --dagster"
