"""Five hundred small worlds by Polars' streaming engine, compared with an oracle that reads all final files at once."""

import pytest

from growth_assets_tests.worlds.batches import HAPPENINGS, play

pytestmark = pytest.mark.slow

BATCH = 500


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(0, 500, BATCH))
def test_worlds_agree_with_the_oracle(first):
    happened = play(first, BATCH)
    # All of it did happen, so that the agreement means something.
    assert {name: happened.get(name, 0) for name in HAPPENINGS if happened.get(name, 0) < BATCH // 125} == {}
