"""The package's source text with a function changed, as another version of it would have."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from growth_assets.warehouse import versions
from growth_assets.warehouse.source_code import Source


def copied(folder: Path) -> Path:
    """A copy of the modules below `folder`."""
    return shutil.copytree(
        versions.SOURCE.root,
        folder / versions.SOURCE.package,
        ignore=lambda _, names: [name for name in names if "." in name and not name.endswith(".py")],
    )


@contextmanager
def changed(copy: Path, file: str, function: str, line: str = "something = 1") -> Iterator[Source]:
    """`copy` with one line more in a function; afterwards it is as it was."""
    text = (copy / file).read_text()
    (node,) = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef) and n.name == function)
    lines = text.splitlines()
    lines.insert(node.body[-1].lineno - 1, " " * node.body[-1].col_offset + line)
    (copy / file).write_text("\n".join(lines))
    yield Source(copy, versions.SOURCE.without)
    (copy / file).write_text(text)
