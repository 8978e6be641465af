"""Request targets as logs have them: what looks like a host may be a path."""

from __future__ import annotations

import polars as pl
import pytest

from growth_assets.contracts.columns import RECEIVED
from growth_assets.fct.enrichment import enrich
from growth_assets.fct.received import Received
from growth_assets.settings import Settings


@pytest.mark.parametrize(
    ("url", "status", "path", "action"),
    [
        ("//favicon.ico", 200, "//favicon.ico", "static_file"),
        ("///remote/x?lang=/../..//dev/", 200, "///remote/x", "page_view"),
        ("//blog//post?a=//b", 200, "//blog//post", "page_view"),
        ("http://www.xx.com//a?b", 200, "//a", "page_view"),
        ("http://www.xx.com", 200, "", "page_view"),
        ("*", 200, "*", "page_view"),
        ("//www.xx.com/a", None, "/a", None),
        ("https://www.xx.com/a#b", None, "/a", None),
    ],
)
def test_path_of_a_request_target(tmp_path, url, status, path, action):
    said = {name: [None] for name in RECEIVED} | {
        "url": [url], "status": [status], "method": ["GET" if status else None], "line_number": [1],
    }  # fmt: skip
    rows = pl.DataFrame(said, schema=RECEIVED).with_columns(
        file_started_at=pl.lit(None, pl.Datetime("us")), in_the_future=False, ds=pl.lit("2026-03-01")
    )
    found = enrich(Received(rows.lazy()), Settings(data=tmp_path))
    assert found.select("dim_url_path", "dim_action_type").rows() == [(path, action)]
