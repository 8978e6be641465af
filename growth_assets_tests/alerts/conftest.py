"""Channels that alerts really go to, and a site of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from growth_assets.settings import Settings, load
from growth_assets_tests.alerts.receivers import Mailbox, Webhook, mailbox, webhook

Site = Callable[..., Settings]


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as hook:
        yield hook


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Settings of a folder whose alerts go to the URLs given."""

    def make(*urls: str, toml: str = "") -> Settings:
        (tmp_path / "site.toml").write_text(f'hostnames = ["www.xx.com"]\n{toml}')
        monkeypatch.setenv("GROWTH_ALERT_URLS", " \n".join(urls))
        return load(tmp_path)

    return make
