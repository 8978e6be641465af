"""A thousand small worlds, each compared with an oracle that reads all final files at once."""

import pytest

from growth_assets_tests.worlds.batches import play

pytestmark = pytest.mark.slow

BATCH = 250

HAPPENINGS = (
    "write", "rotate", "copy", "pack", "half_copied", "again", "delete", "move", "touch", "failed", "killed",
)  # fmt: skip


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(0, 1000, BATCH))
def test_worlds_agree_with_the_oracle(first):
    happened = play(first, BATCH)
    # Whatever may happen to a file or to a build did happen, so that the agreement means something.
    assert {name: happened.get(name, 0) for name in HAPPENINGS if happened.get(name, 0) < BATCH // 50} == {}
