"""Line readers on mutated bytes: guided by coverage for some seconds, and by Hypothesis on every format."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from growth_assets.sources.formats import TEXT_FORMATS
from growth_assets.sources.lines import Chunk
from growth_assets_tests.fuzz import law
from growth_assets_tests.fuzz.law import batches, lost_lines
from growth_assets_tests.fuzz.seeds import SEEDS

NAMES = tuple(TEXT_FORMATS)
SECONDS = 20
PIECES = [
    b"\n", b"\r\n", b"\r", b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b'"', b"\\", b",", b"\t", b" ", b"{", b"}", b"[",
    b"null", b"-", b"1e400", b"\\ud800", b"\xc3", b"#Fields: x\n", b"#", b"9999999999999999999", b"\x1f\x8b",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_seeds_have_what_is_read_and_what_is_not(name):
    read = list(batches(name, SEEDS[name]))
    assert sum(batch.events.height for batch in read) >= 1
    assert sum(batch.rejected.height for batch in read) >= 1
    assert lost_lines(name, SEEDS[name]) == set()


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_line_of_a_mutated_file_is_lost(name, data):
    content = SEEDS[name]
    for _ in range(data.draw(st.integers(1, 6))):
        begin, length = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 12))
        content = content[:begin] + data.draw(st.sampled_from(PIECES)) + content[begin + length :]
    assert lost_lines(name, content) == set()


def test_a_line_that_a_reader_loses_is_told(monkeypatch):
    whole = law.chunks

    def without_the_second_line(pieces, size):
        for item in whole(pieces, size):
            lines = item.data.split(b"\n")
            yield Chunk(item.data.replace(lines[1] + b"\n", b"", 1), item.ends[1:] - len(lines[1]) - 1, item.first_line)

    monkeypatch.setattr(law, "chunks", without_the_second_line)
    assert lost_lines("ndjson", b"{}\njunk\n[]\n") == {3}


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="Atheris is not installed: it has wheels for Linux on x86-64 alone",
)
def test_readers_guided_by_coverage(tmp_path):
    corpus, tally = tmp_path / "corpus", tmp_path / "tally.json"
    corpus.mkdir()
    for number, (name, content) in enumerate(SEEDS.items()):
        (corpus / name).write_bytes(bytes([number]) + content)
    done = subprocess.run(
        [
            sys.executable, "-m", "growth_assets_tests.fuzz.harness", str(corpus), f"-max_total_time={SECONDS}",
            "-max_len=6000", "-timeout=20", "-rss_limit_mb=2500", "-seed=1", f"-artifact_prefix={tmp_path}/found-",
        ],
        capture_output=True, text=True, timeout=SECONDS + 120, check=False,
        env={**os.environ, "FUZZ_TALLY": str(tally), "POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    inputs = {path.name: path.read_bytes() for path in tmp_path.glob("found-*")}
    assert (done.returncode, inputs) == (0, {}), done.stderr[-6_000:]
    tried = json.loads(tally.read_text(encoding="utf-8"))
    assert set(tried) == set(NAMES), tried
