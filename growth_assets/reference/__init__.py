"""Where the facts lie that are shipped with the package: paths only, nothing is read here.

See NOTICE.md beside this file for where they come from and under which licence.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_FOLDER = Path(str(files(__name__)))

COUNTRY_DATABASE = _FOLDER / "country.mmdb"
"""Addresses to countries, made by `scripts/build_country_database.py`."""

SOURCES = _FOLDER / "sources.toml"
"""Named traffic sources: which hosts and campaign tags belong to LinkedIn, Substack and so on."""
