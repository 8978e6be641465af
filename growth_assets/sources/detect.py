"""Which format a file is in, by its content; its name says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from growth_assets.places import Place
from growth_assets.sources.errors import SourceError, UndecidedError
from growth_assets.sources.formats import PARQUET, TEXT_FORMATS
from growth_assets.sources.json_values import Object, from_json
from growth_assets.sources.lines import BOM

HEAD_BYTES = 256 << 10
"""So many decompressed bytes are looked at."""
PARQUET_MAGIC = b"PAR1"
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x89PNG": "a picture",
}
"""First bytes of what is no log, though it may hold one."""
_WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
"""Byte order marks of text in which a newline is no byte of its own."""
_NO_LOG: dict[type, str] = {
    Object: "They are JSON objects, but do not say what happened when, as an event or a request does.",
    list: "They are JSON lists: bring an object a line, as `jq -c '.[]'` writes them.",
}
_SPREAD = "It looks like one JSON text over many lines: bring an object a line, as `jq -c .` writes it."
_MOST_LINES = 200
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Taken:
    """What a file is taken for by its first bytes, and why."""

    format: str | None
    """None where it is not clear."""
    why: str
    shares: Mapping[str, float]
    """The share of the first lines that fit, by the formats that were tried."""
    remedy: str = ""
    """What to do where the format is not clear."""


def explain(head: bytes, path: Place) -> Taken:
    """What the file is taken for, and why.

    Args:
        head: the first decompressed bytes, HEAD_BYTES of them unless the file is shorter.
        path: for messages.

    Raises:
        SourceError: the file is an archive, a picture, or text in UTF-16 or UTF-32.
    """
    require_plain_text(head, path)
    if head.startswith(PARQUET_MAGIC):
        return Taken(PARQUET, "it begins as Parquet files do", {})
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            raise SourceError(f"{path}: this is {name}. Unpack it into landing/, or remove it.")
    lines = head.removeprefix(BOM).split(b"\n")
    if len(lines) > 1:
        lines.pop()  # nothing, or a line that is cut off or still being written
    texts = list(islice((text for line in lines if (text := line.decode("utf-8", "replace")).strip()), _MOST_LINES))
    if not texts:
        return Taken(next(iter(TEXT_FORMATS)), "there is nothing but blank lines, so that any format will do", {})
    shares: dict[str, float] = {}
    for name, each in TEXT_FORMATS.items():
        shares[name] = each.share(texts)
        if shares[name] == 1:
            break  # no other can fit better, and of two that fit alike the first one wins
    best = max(shares, key=lambda name: shares[name])
    if shares[best] > _LEAST_SHARE:
        return Taken(best, f"{shares[best]:.0%} of its first {len(texts)} lines are in it", shares)
    nearest = max(shares, key=lambda name: (shares[name], _likeness(texts, TEXT_FORMATS[name].telling)))
    tried = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return Taken(
        None,
        f"the format of this file is not clear from its first {len(texts)} lines. {_json(texts)}Tried, with the share "
        f"of lines that fit: {tried}. Nearest is {nearest}, with {TEXT_FORMATS[nearest].looks_like}.",
        shares,
        "Set `format` for its source in site.toml, or `log_format` for a server's own format, or keep the file out of "
        "`files`.",
    )


def detect(head: bytes, path: Place) -> str:
    """The name of the format; see `explain`.

    Raises:
        UndecidedError: no format fits more than half of the lines; says what was tried and the remedy.
        SourceError: as `explain` does.
    """
    taken = explain(head, path)
    if taken.format is None:
        raise UndecidedError(f"{path}: {taken.why} {taken.remedy}")
    return taken.format


def _likeness(texts: list[str], names: tuple[str, ...]) -> float:
    """How many of the names of a format's records stand in the lines, from 0 to 1."""
    return sum(f'"{name}"' in text for text in texts for name in names) / (len(texts) * max(len(names), 1))


def _json(texts: list[str]) -> str:
    """A sentence about JSON that is no log; empty where it is something else."""
    values = [value for value in map(_value, texts) if value is not None]
    for kind, says in _NO_LOG.items():
        if sum(isinstance(value, kind) for value in values) > len(texts) * _LEAST_SHARE:
            return says + " "
    lines = [text.strip() for text in texts]
    spread = lines[0][:1] in {"{", "["} and all(line[-1] in ",{}[]" or line[:1] == '"' for line in lines)
    return f"{_SPREAD} " if spread else ""


def _value(text: str) -> object:
    try:
        return from_json(text)
    except ValueError:
        return None


def require_plain_text(head: bytes, path: Place) -> None:
    """Refuse text whose lines cannot be found in its bytes.

    Raises:
        SourceError: names the encoding and the remedy.
    """
    for mark, name in _WIDE.items():
        if head.startswith(mark):
            raise SourceError(
                f"{path}: this is text in {name}. Convert it to UTF-8 before landing, for instance with "
                f"`iconv -f {name} -t UTF-8`."
            )
