"""The wheel alone, in an environment elsewhere that does not see the repository: everything it needs is in it."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]

EVENTS = "".join(
    json.dumps(
        {
            "event_time": f"2026-03-0{day}T10:00:{second:02}.5Z",
            "hostname": "www.example.com",
            "action_type": "signup" if second % 10 == 0 else "page_view",
            "ip": f"8.8.8.{second}",
            "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
            "referrer": "https://www.linkedin.com/feed/",
        }
    )
    + "\n"
    for day in (1, 2)
    for second in range(30)
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the tree, so that nothing is written into the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree)
    shutil.copytree(REPOSITORY / "growth_assets", tree / "growth_assets", ignore=shutil.ignore_patterns("__pycache__"))
    program = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=tree, capture_output=True, text=True, check=True
    )
    return folder / built.stdout.split()[-1]


class Elsewhere:
    """An environment with the wheel and its dependencies, in a folder far from the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "env" / "bin"
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("GROWTH_", "DAGSTER_", "PYTHON"))
        } | {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "GROWTH_DATA": str(folder / "site")}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    elsewhere = Elsewhere(folder)
    python = str(elsewhere.bin / "python")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet",
            "--no-index", "--no-deps", str(wheel),
        ],
        check=True,
    )  # fmt: skip
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    # A folder named in a .pth file is on the path, but the .pth files in it are not read: the dependencies are there,
    # the editable install is not.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return elsewhere


def test_the_repository_is_not_seen(elsewhere):
    program = "import growth_assets, sys; print(growth_assets.__file__); print(*sys.path, sep='\\n')"
    origin, *path = elsewhere.run("python", "-c", program).splitlines()
    assert Path(origin).is_relative_to(elsewhere.folder)
    assert str(REPOSITORY) not in path


def test_the_wheel_holds_the_package_and_its_data_alone(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {name for name in names if ".dist-info/" not in name}
    tree = wheel.parent / "tree"
    package = (tree / "growth_assets").rglob("*")
    assert code == {path.relative_to(tree).as_posix() for path in package if path.is_file()}
    assert {"growth_assets/reference/country.mmdb", "growth_assets/reference/sources.toml"} <= code


def test_a_site_is_set_up_built_and_answered(elsewhere):
    site = elsewhere.folder / "site"
    assert "Wrote" in elsewhere.run("growth-assets", "init", str(site))
    (site / "landing" / "events.ndjson").write_text(EVENTS)
    assert "Built 2 of 2 days, 2026-03-01 to 2026-03-02." in elsewhere.run("growth-assets", "build")
    answers = json.loads(elsewhere.run("growth-assets", "answers", "--json"))
    assert answers["days"] == ["2026-03-01", "2026-03-02"]
    signups = next(each["rows"] for each in answers["answers"] if each["number"] == "4")
    assert [(row["ds"], row["m_signups"]) for row in signups if row["dim_hostname"] == "all sites"] == [
        ("2026-03-01", 3), ("2026-03-02", 3),
    ]  # fmt: skip
    sources = next(each["rows"] for each in answers["answers"] if each["number"] == "3a")
    assert [(row["dim_source"], row["m_website_hits"]) for row in sources] == [("LinkedIn", 54)]
    countries = next(each["rows"] for each in answers["answers"] if each["number"] == "2a")
    assert [(row["dim_country"], row["m_website_hits"]) for row in countries] == [("US", 54)]


def test_dagster_loads_the_definitions(elsewhere):
    other = elsewhere.folder / "other site"
    elsewhere.run("growth-assets", "init", str(other))
    elsewhere.run(
        "env",
        f"GROWTH_DATA={other}",
        "python",
        "-m",
        "dagster",
        "definitions",
        "validate",
        "-m",
        "growth_assets.definitions",
    )
