"""A site whose alerts go to channels of a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from growth_assets.settings import Settings, load

Site = Callable[..., Settings]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Settings of a folder whose alerts go to the URLs given."""

    def make(*urls: str, toml: str = "") -> Settings:
        (tmp_path / "site.toml").write_text(f'hostnames = ["www.xx.com"]\n{toml}')
        monkeypatch.setenv("GROWTH_ALERT_URLS", " \n".join(urls))
        return load(tmp_path)

    return make
