"""Fixtures of all tests."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real logs and independent answers, which lie beside the repository and not in it."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "real").is_dir():
        pytest.skip(f"the folder with real logs is not there: {folder}")
    return folder
