"""What of the source text makes another code version, in a small package and in this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import pytest

from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse import source_code, versions
from growth_assets.warehouse.source_code import Source
from growth_assets.warehouse.versions import code_version
from growth_assets_tests.other_code import changed, copied

SHOP = {
    "__init__.py": '"""A shop."""\n',
    "build.py": '''"""Builds."""
import json

from shop import parts
from shop.orders import Order, Price as Cost
from shop.tables import OTHER

LIMIT, UNUSED = 3, 4


def build(order: Order, more=None):
    """What is said here counts for nothing."""
    from shop.late import late
    return json.dumps([parts.made(order, LIMIT), Cost(order).euros, order.total, late(), OTHER.name])


def beside():
    return UNUSED
''',
    "parts.py": '''"""Parts."""
from shop.deep import deeper, other

READY = []
READY.append(1)


def made(order, limit):
    return deeper(order) if limit else 0


def unmade():
    return other()
''',
    "deep.py": "def deeper(order):\n    return order\n\n\ndef other():\n    return 1\n",
    "late.py": "def late():\n    return 1\n",
    "orders.py": """class Order:
    @property
    def total(self):
        return 5

    def never_asked_for(self):
        return 6


class Price:
    euros = 7

    def __init__(self, order):
        self.order = order
""",
    "tables.py": "OTHER = 8\n",
}

COUNTS = {
    "a constant": ("build.py", "LIMIT, UNUSED = 3", "LIMIT, UNUSED = 5"),
    "a default": ("build.py", "more=None", "more=1"),
    "another module behind the same name": ("build.py", "import json", "import ujson as json"),
    "a function of another module": ("parts.py", "else 0", "else 1"),
    "what a module does as it is imported": ("parts.py", "append(1)", "append(2)"),
    "a function of a module behind that": ("deep.py", "return order", "return not order"),
    "a function that is imported late": ("late.py", "return 1", "return 2"),
    "a class under another name": ("orders.py", "euros = 7", "euros = 8"),
    "a property of what is handed in": ("orders.py", "return 5", "return 6"),
}

COUNTS_FOR_NOTHING = {
    "a docstring": ("build.py", "What is said here counts", "This counts"),
    "a comment": ("build.py", "    return json", "    # a comment\n    return json"),
    "line breaks": ("build.py", "LIMIT), Cost", "LIMIT),\n        Cost"),
    "an annotation": ("build.py", "order: Order, more=None):", "order: 'Order', more: int | None = None) -> str:"),
    "the order of definitions": ("deep.py", "def other():\n    return 1\n", ""),
    "a constant of another function": ("build.py", "= 3, 4", "= 3,4"),
    "a function that nobody calls": ("build.py", "return UNUSED", "return 0"),
    "a function of another module that nobody calls": ("parts.py", "return other()", "return 0"),
    "a method that nobody asks for": ("orders.py", "return 6", "return 7"),
    "what has a version of its own": ("tables.py", "OTHER = 8", "OTHER = 9"),
}


def function(module: str, name: str) -> Callable[[], None]:
    """A function that says it is defined there."""
    made = FunctionType((lambda: None).__code__, {}, name)
    made.__module__ = module
    return made


def write(root: Path, files: dict[str, str]) -> Path:
    root.mkdir(parents=True)
    for name, text in files.items():
        (root / name).write_text(text)
    return root


def digest(root: Path) -> str:
    return Source(root, without=("OTHER",)).digest_of(function("shop.build", "build"))


def edited(tmp_path: Path, name: str, old: str, new: str) -> str:
    assert old in SHOP[name]
    return digest(write(tmp_path / "edited" / "shop", SHOP | {name: SHOP[name].replace(old, new)}))


@pytest.fixture
def as_it_is(tmp_path):
    return digest(write(tmp_path / "as it is" / "shop", SHOP))


@pytest.mark.parametrize("edit", COUNTS)
def test_what_a_function_reaches_counts(tmp_path, as_it_is, edit):
    assert edited(tmp_path, *COUNTS[edit]) != as_it_is


@pytest.mark.parametrize("edit", COUNTS_FOR_NOTHING)
def test_what_changes_no_result_counts_for_nothing(tmp_path, as_it_is, edit):
    assert edited(tmp_path, *COUNTS_FOR_NOTHING[edit]) == as_it_is


@pytest.mark.parametrize("where", [("shop.build", "nobody"), ("shop.nowhere", "build"), ("json", "dumps")])
def test_what_is_no_function_of_the_package_is_told(tmp_path, as_it_is, where):
    with pytest.raises(LookupError, match=f"{where[1]} of {where[0]} is no function"):
        Source(tmp_path / "as it is" / "shop").digest_of(function(*where))


class TestKept:
    """Digests are kept beside the compiled modules, for exactly the files that they were found out of."""

    @pytest.fixture
    def shop(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        return write(tmp_path / "shop", SHOP)

    @pytest.fixture
    def parsed(self, monkeypatch):
        """The texts that were parsed."""
        texts = []
        parse = source_code.ast.parse
        monkeypatch.setattr(source_code.ast, "parse", lambda text: texts.append(text) or parse(text))
        return texts

    def digest(self, shop, name="build", without=(), keep=True):
        return Source(shop, without, keep=keep).digest_of(function("shop.build", name))

    def test_is_what_is_found_out_and_is_found_out_once(self, shop, parsed):
        plain = {name: self.digest(shop, name, keep=False) for name in ("build", "beside")}
        assert {name: self.digest(shop, name) for name in plain} == plain
        del parsed[:]
        assert {name: self.digest(shop, name) for name in plain} == plain
        assert parsed == []

    def test_of_other_files_or_without_another_definition_is_found_out_anew(self, shop, parsed):
        before = self.digest(shop)
        (shop / "late.py").write_text("def late():\n    return 2\n")
        assert self.digest(shop) == self.digest(shop, keep=False) != before
        assert self.digest(shop, without=["OTHER"]) == self.digest(shop, without=["OTHER"], keep=False)
        del parsed[:]
        # Another file counts too: a module may come in front of a name.
        (shop / "another.py").write_text("")
        self.digest(shop, without=["OTHER"])
        assert parsed != []

    @pytest.mark.parametrize("content", ["", "[", "[1, 2, 3]", "null", '["", {}]', "\xff"])
    def test_what_is_no_such_file_counts_for_nothing(self, shop, content):
        before = self.digest(shop)
        (kept,) = (shop / "__pycache__").iterdir()
        kept.write_text(content, encoding="latin-1")
        assert self.digest(shop) == before
        assert kept.read_text(encoding="latin-1") != content

    def test_of_files_that_change_meanwhile_is_not_kept(self, shop, monkeypatch):
        parse = source_code.ast.parse

        before = (shop / "late.py").read_text()

        def edited(text):
            if text == before:
                (shop / "late.py").write_text("def late():\n    return 2\n")
            return parse(text)

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(source_code.ast, "parse", edited)
            self.digest(shop)
        assert self.digest(shop) == self.digest(shop, keep=False)
        (shop / "late.py").write_text(before)
        assert self.digest(shop) == self.digest(shop, keep=False)

    def test_is_kept_nowhere_where_python_keeps_nothing(self, shop, monkeypatch):
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        self.digest(shop)
        assert not (shop / "__pycache__").exists()

    def test_a_folder_that_cannot_be_written_is_no_error(self, shop):
        (shop / "__pycache__").write_text("a file")
        assert self.digest(shop) == self.digest(shop, keep=False)


OWN = versions.SOURCE.root

RATES = {"metrics.signup_conversion_rate", "metrics.purchase_conversion_rate"}
ROLLED_UP = {f"core.agg_{name}_events" for name in ("website", "hostname")} | RATES
ROLLED_UP |= {"metrics.daily_visitors", "metrics.traffic_breakdown"}
FACTS = {"core.fct_website_events", "raw.quarantined_events"}

CHANGED = {
    ("enrich/bot.py", "devices_and_bots"): FACTS,
    ("fct/identity.py", "identify"): FACTS,
    ("settings.py", "rules"): FACTS,
    ("agg/grouping_sets.py", "roll_up"): ROLLED_UP,
    ("agg/hostname_events.py", "build"): {"core.agg_hostname_events"},
    ("checks/guardrail.py", "judge"): RATES,
    ("metrics/signup_conversion_rate.py", "_counted"): {"metrics.signup_conversion_rate"},
    ("contracts/contract.py", "audit"): {table.name for table in DAILY},
    ("checks/agreement.py", "disagreements"): set(),
    ("orchestration/daily.py", "daily_tables"): set(),
}
"""File and function to the tables that are made or audited by it."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("elsewhere"))


def of_all_tables() -> dict[str, str]:
    settings = Settings(data=Path("/nowhere"))
    return {
        table.name: code_version(BY_NAME[table.built_with] if table.built_with else table, settings) for table in DAILY
    }


@pytest.mark.parametrize(("place", "tables"), CHANGED.items(), ids=[f"{file}-{name}" for file, name in CHANGED])
def test_a_changed_function_is_another_code_version_of_what_it_builds(copy, monkeypatch, place, tables):
    before = of_all_tables()
    with changed(copy, *place) as source:
        monkeypatch.setattr(versions, "SOURCE", source)
        after = of_all_tables()
    assert {name for name in before if before[name] != after[name]} == tables


def test_a_comment_or_another_place_is_no_other_code_version(copy, monkeypatch):
    before = of_all_tables()
    with changed(copy, "fct/identity.py", "identify", "# a comment") as source:
        monkeypatch.setattr(versions, "SOURCE", source)
        assert of_all_tables() == before


def other_pythons() -> list[Path]:
    """Interpreters of other versions that run on this machine."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = []
    for minor in range(11, 16):
        name = f"python3.{minor}"
        places = [Path(each) for each in [shutil.which(name)] if each] + sorted(folder.glob(f"3.{minor}.*/bin/{name}"))
        runs = (
            each
            for each in places
            if subprocess.run([each, "-c", ""], capture_output=True, check=False).returncode == 0
        )
        found += [path for path in [next(runs, None)] if path and sys.version_info[1] != minor]
    return found


def test_another_python_is_no_other_code_version():
    pythons = other_pythons()
    if not pythons:
        pytest.skip("this machine has one Python")
    functions = sorted({(each.__module__, each.__name__) for t in DAILY for each in (t.contract, t.build) if each})
    program = f"""
import sys
from pathlib import Path
from types import FunctionType
sys.path.insert(0, {str(OWN.parent)!r})
from growth_assets.warehouse.source_code import Source
source = Source(Path({str(OWN)!r}), {versions.SOURCE.without!r})
for module, name in {functions!r}:
    made = FunctionType((lambda: None).__code__, {{}}, name)
    made.__module__ = module
    print(source.digest_of(made))
"""
    ours = [versions.SOURCE.digest_of(function(*each)) for each in functions]
    assert len(set(ours)) == len(ours)
    for python in pythons:
        told = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True)
        assert told.stdout.split() == ours, python
