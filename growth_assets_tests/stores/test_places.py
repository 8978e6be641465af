"""Which places a setting may name, and what is said of the others."""

from pathlib import Path

import pytest
from upath import UPath

from growth_assets import places, settings

FOLDER = Path("/srv/site")


@pytest.fixture
def every_library(monkeypatch):
    """As if s3fs, gcsfs and adlfs were all installed."""
    monkeypatch.setattr(places, "find_spec", lambda _: object())


@pytest.mark.parametrize(
    ("text", "url", "path"),
    [
        ("s3://bucket", "s3://bucket/tables/part", "bucket/tables/part"),
        ("s3://bucket/", "s3://bucket/tables/part", "bucket/tables/part"),
        ("s3://bucket/web logs/2026/", "s3://bucket/web logs/2026/tables/part", "bucket/web logs/2026/tables/part"),
        ("gs://bucket/logs", "gs://bucket/logs/tables/part", "bucket/logs/tables/part"),
        ("az://container/logs", "az://container/logs/tables/part", "container/logs/tables/part"),
        ("webhdfs://nn:9870/web logs/", "webhdfs://nn:9870/web logs/tables/part", "/web logs/tables/part"),
    ],
)
def test_a_url_is_a_place_whose_parts_are_keys(every_library, text, url, path):
    found = places.place(text, FOLDER) / "tables" / "part"
    assert isinstance(found, UPath)
    assert (str(found), found.path) == (url, path)


@pytest.mark.parametrize(
    ("text", "path"),
    [("logs", "/srv/site/logs"), ("/var/log/nginx", "/var/log/nginx"), ("../logs", "/srv/site/../logs")],
)
def test_a_folder_is_relative_to_the_data_folder(text, path):
    found = places.place(text, FOLDER)
    assert isinstance(found, Path)
    assert str(found) == path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s3://key:hidden@bucket/logs", "AWS_ACCESS_KEY_ID"),
        ("gs://key:hidden@bucket", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("ftp://key:hidden@host/logs", "credentials come from the environment"),
        ("ftp://host/logs", "use s3://, gs://, az://, webhdfs:// or a folder"),
        ("s3://", "must be s3://bucket/prefix"),
        ("webhdfs://growth:hidden@nn:9870/logs", "FSSPEC_WEBHDFS_USER"),
        ("webhdfs://nn:9870/", "must be webhdfs://namenode:9870/folder"),
        ("webhdfs://nn/logs", "must be webhdfs://namenode:9870/folder"),
        ("webhdfs://nn:9870/logs?user.name=hidden", "must be webhdfs://namenode:9870/folder"),
        ("s3:///logs", "must be s3://bucket/prefix"),
        ("s3://bucket/logs?versionId=hidden", "must be s3://bucket/prefix"),
        ("s3://bucket/a//b", "empty parts"),
        ("s3://bucket/../other", "'..'"),
        ("s3://bucket/lo*gs", "must not hold"),
        ("s3://bucket/[a]", "must not hold"),
        (" ", "must be a folder, or a URL"),
    ],
)
def test_other_urls_are_refused_and_no_secret_is_shown(every_library, text, says):
    with pytest.raises(ValueError) as refused:
        places.place(text, FOLDER)
    assert says in str(refused.value)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(("scheme", "library"), [("s3", "s3fs"), ("gs", "gcsfs"), ("az", "adlfs")])
def test_a_missing_library_is_told_with_its_extra(monkeypatch, scheme, library):
    monkeypatch.setattr(places, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=f"needs {library}, .* Install growth-assets\\[{scheme}\\]"):
        places.place(f"{scheme}://bucket", FOLDER)


def test_a_wrong_place_is_told_with_its_setting(tmp_path, monkeypatch):
    (tmp_path / "site.toml").write_text('warehouse = "s3://key:hidden@bucket"\n')
    with pytest.raises(settings.SettingsError) as refused:
        settings.load(tmp_path)
    assert f"{tmp_path}/site.toml: warehouse: a URL must hold no user" in str(refused.value)
    assert "hidden" not in str(refused.value)
    monkeypatch.setenv("GROWTH_WAREHOUSE", "ftp://host")
    with pytest.raises(settings.SettingsError, match="the variable GROWTH_WAREHOUSE: warehouse: ftp://"):
        settings.load(tmp_path)


@pytest.mark.parametrize(
    ("landing", "warehouse"),
    [
        ("s3://bucket", "s3://bucket/tables"),
        ("s3://bucket/a/b", "s3://bucket/a"),
        ("logs", "logs"),
        ("a/b", "a"),
    ],
)
def test_landing_and_warehouse_are_apart(tmp_path, landing, warehouse):
    (tmp_path / "site.toml").write_text(f'landing = "{landing}"\nwarehouse = "{warehouse}"\n')
    with pytest.raises(settings.SettingsError, match="must be apart"):
        settings.load(tmp_path)


def test_places_that_only_begin_alike_are_apart(tmp_path):
    (tmp_path / "site.toml").write_text('landing = "s3://bucket/logs"\nwarehouse = "s3://bucket/logs-built"\n')
    found = settings.load(tmp_path)
    assert found.workplace == tmp_path / "warehouse"
    assert found.catalogue == tmp_path / "warehouse" / "growth.duckdb"
