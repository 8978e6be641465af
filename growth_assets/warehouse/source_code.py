"""A digest of what functions do: of their own source text, and of all in the package that they reach by name.

Comments, docstrings, annotations, blank lines and line breaks count for nothing, nor does where the package lies or the
version of Python. What is reached is found in the text alone, definition by definition: a function of another module
counts, the one beside it that nobody calls does not. Where that cannot be told, more counts and not less.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

_UNSAID = frozenset({"annotation", "returns", "ctx", "type_comment", "kind", "type_params"})
"""Fields of a syntax tree without meaning when it runs, or that some versions of Python do not have."""

_BESIDE = "<beside the definitions>"
"""What a module does as it is imported: it counts with each of its definitions."""


@dataclass
class _Module:
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name to the module it comes from and the name it has there, "" for the module itself."""
    beside: list[ast.stmt] = field(default_factory=list)


class Source:
    """The source text of the package in the folder `root`."""

    def __init__(self, root: Path, without: Collection[str] = (), *, keep: bool = False) -> None:
        """Definitions named in `without` count for nothing, wherever they stand.

        With `keep`, digests are kept beside Python's compiled modules for as long as no file of the package changes: to
        find them out takes a third of a second, and each process asks for the same.
        """
        self.root, self.package, self.without = root, root.name, frozenset(without)
        self._kept = _Kept(root, self.without) if keep else None
        self._module = cache(self._parsed)
        self._said = cache(self._says)
        self.digest_of = cache(self._digest_of)

    def _digest_of(self, *functions: Callable[..., Any]) -> str:
        """SHA-256 of what `functions`, each defined in a module of the package under its name, are made of.

        Raises:
            LookupError: one of them is not.
        """
        coming = [(function.__module__, function.__name__) for function in functions]
        if self._kept is None:
            return self._found_out(coming)
        asked = " ".join(".".join(each) for each in coming)
        return self._kept.get(asked) or self._kept.put(asked, self._found_out(coming))

    def _found_out(self, coming: list[tuple[str, str]]) -> str:
        reached: dict[tuple[str, str], str] = {}
        for module, name in coming:
            if not self._is_own(module) or name not in self._module(module).definitions:
                raise LookupError(f"{name} of {module} is no function that a module of {self.package} defines")
        while coming:
            item = coming.pop()
            if item not in reached:
                reached[item], names = self._said(*item)
                coming += [each for each in names if each[1] not in self.without]
        return _digest(sorted([*item, said] for item, said in reached.items()))

    def _says(self, module: str, name: str) -> tuple[str, list[tuple[str, str]]]:
        """A digest of what one definition says, and the definitions that it names."""
        there = self._module(module)
        owner, _, method = name.partition(".")
        statements = there.beside if name == _BESIDE else there.definitions[owner]
        if method:
            statements = [each for node in statements for each in _functions(node) if each.name == method]
        nodes = [node for each in statements for node in ast.walk(each)]
        local = there.imported | _imports(nodes)
        names = [] if name == _BESIDE else [(module, _BESIDE)]
        elsewhere: dict[str, list[str]] = {}
        for used, attribute in _names_of(statements):
            found = self._resolved(module, there, local, used, attribute)
            if found:
                names.append(found)
            elif used in local:
                elsewhere[used] = list(local[used])
        attributes = {each.attr for each in nodes if isinstance(each, ast.Attribute)}
        for owner in _annotated(nodes):
            names += self._methods(module, there, local, owner, attributes)
        return _digest([[_plain(each) for each in statements], elsewhere]), names

    def _resolved(
        self, module: str, there: _Module, local: Mapping[str, tuple[str, str]], used: str, attribute: str
    ) -> tuple[str, str] | None:
        """The definition that `used`, or `used.attribute` where it is a module, stands for; None where not ours."""
        if used not in local:
            return (module, used) if used in there.definitions else None
        source, name = local[used]
        if self._is_own(f"{source}.{name}"):
            source, name = f"{source}.{name}", ""
        if not self._is_own(source):
            return None
        wanted = name or attribute
        definitions = self._module(source)
        if wanted in definitions.imported:  # handed on
            return self._resolved(source, definitions, definitions.imported, wanted, attribute)
        return (source, wanted) if wanted in definitions.definitions else (source, _BESIDE)

    def _methods(
        self, module: str, there: _Module, local: Mapping[str, tuple[str, str]], owner: str, attributes: Collection[str]
    ) -> Iterator[tuple[str, str]]:
        """The methods of the class `owner` that are among `attributes`, as asked of what is annotated to be one."""
        found = self._resolved(module, there, local, owner, "")
        if found is None or found[1] == _BESIDE:
            return
        for node in self._module(found[0]).definitions[found[1]]:
            for each in _functions(node):
                if each.name in attributes:
                    yield found[0], f"{found[1]}.{each.name}"

    def _is_own(self, module: str) -> bool:
        return self._path(module) is not None

    def _path(self, module: str) -> Path | None:
        first, *rest = module.split(".")
        if first != self.package:
            return None
        place = self.root.joinpath(*rest)
        return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)

    def _parsed(self, module: str) -> _Module:
        path = self._path(module)
        if path is None:
            raise LookupError(f"there is no {module} below {self.root}")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = _Module(imported=_imports(tree.body))
        for statement in tree.body:
            names = list(_defined(statement))
            for name in names:
                found.definitions.setdefault(name, []).append(statement)
            if not names and not isinstance(statement, ast.Import | ast.ImportFrom) and not _is_text(statement):
                found.beside.append(statement)
        return found


class _Kept:
    """Digests that were found out before, of exactly these files."""

    def __init__(self, root: Path, without: Collection[str]) -> None:
        self.root, self.without = root, without
        self.path = Path(importlib.util.cache_from_source(str(root / "digests.py"))).with_suffix(".json")

    def get(self, asked: str) -> str | None:
        return self._digests.get(asked)

    def put(self, asked: str, digest: str) -> str:
        self._digests[asked] = digest
        if not sys.dont_write_bytecode and self._look() == self._files:
            staged = self.path.with_name(f".{self.path.name}.{os.getpid()}")
            # Who may not write there finds them out each time.
            with suppress(OSError):
                self.path.parent.mkdir(exist_ok=True)
                staged.write_text(json.dumps([self._files, self._digests]), encoding="utf-8")
                staged.replace(self.path)
        return digest

    @cached_property
    def _digests(self) -> dict[str, str]:
        now = self._files
        with suppress(OSError, ValueError, TypeError):
            files, digests = json.loads(self.path.read_text(encoding="utf-8"))
            if files == now:
                return dict(digests)
        return {}

    @cached_property
    def _files(self) -> str:
        """As they were before anything was found out."""
        return self._look()

    def _look(self) -> str:
        """A digest of all that the package says, this module among it."""
        found = hashlib.sha256(repr(sorted(self.without)).encode())
        for path in sorted(self.root.rglob("*.py")):
            content = path.read_bytes()
            found.update(f"{path.relative_to(self.root).as_posix()} {len(content)}\n".encode() + content)
        return found.hexdigest()


def _digest(content: Any) -> str:  # noqa: ANN401 - anything that JSON holds
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))


def _imports(nodes: Iterable[ast.AST]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: (node.module or "", each.name) for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.asname or each.name.partition(".")[0]: (each.name, "") for each in node.names}
    return found


def _names_of(statements: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """The names that are used, but in annotations; each with the attribute that is asked of it, or ""."""
    for node in statements:
        if isinstance(node, ast.Name):
            yield node.id, ""
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        else:
            for name, value in ast.iter_fields(node):
                if name not in _UNSAID:
                    yield from _names_of(each for each in _listed(value) if isinstance(each, ast.AST))


def _annotated(nodes: Iterable[ast.AST]) -> set[str]:
    """The names in annotations, in quotes too."""
    annotations = (
        annotation
        for node in nodes
        if (annotation := getattr(node, "annotation", None) or getattr(node, "returns", None))
    )
    said = [each for annotation in annotations for each in ast.walk(annotation)]
    quoted = " ".join(each.value for each in said if isinstance(each, ast.Constant) and isinstance(each.value, str))
    return {each.id for each in said if isinstance(each, ast.Name)} | set(re.findall(r"\w+", quoted))


def _plain(node: Any) -> Any:  # noqa: ANN401 - a syntax tree, or what a field of one holds
    """A syntax tree as lists and texts, without what is unsaid or empty."""
    if isinstance(node, ast.AST):
        fields = {name: _plain(value) for name, value in ast.iter_fields(node) if name not in _UNSAID}
        return [type(node).__name__, {name: value for name, value in fields.items() if value not in (None, [])}]
    if isinstance(node, list):
        return [_plain(each) for each in node if not _is_text(each)]
    return node if node is None or isinstance(node, str) else repr(node)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_text(node: object) -> bool:
    """True for a docstring, or another text that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _functions(node: ast.AST) -> Iterator[ast.FunctionDef]:
    """The methods of a class."""
    yield from (each for each in getattr(node, "body", ()) if isinstance(each, ast.FunctionDef))
