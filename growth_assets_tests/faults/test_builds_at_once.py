"""Two builds at once, of the same days and of different ones, end with the bytes of one."""

import pytest

from .conftest import DAYS, Reader, published

pytestmark = pytest.mark.slow

PAIRS = {
    "the same days": ([], []),
    "the same range": (["--from", DAYS[0], "--to", DAYS[4]], ["--from", DAYS[0], "--to", DAYS[4]]),
    "different days": (["--from", DAYS[0], "--to", DAYS[2]], ["--from", DAYS[3], "--to", DAYS[4]]),
    "days in common": (["--from", DAYS[0], "--to", DAYS[3]], ["--from", DAYS[1], "--to", DAYS[4]]),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_builds_at_once_end_as_one(world, nursery, tmp_path, pair):
    data = world.copy(tmp_path / "data")
    logs = [tmp_path / "one.txt", tmp_path / "other.txt"]
    with Reader(data, world.legal) as reader:
        processes = [nursery.start(data, *days, log=log) for days, log in zip(PAIRS[pair], logs, strict=True)]
        codes = [nursery.wait(process) for process in processes]
    assert codes == [0, 0], "\n".join(log.read_text() for log in logs)
    assert not reader.wrong
    assert published(data) == world.first
