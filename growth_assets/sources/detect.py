"""Which format a file is in, by its content; its name says nothing."""

from __future__ import annotations

from pathlib import Path

from growth_assets.sources.errors import SourceError
from growth_assets.sources.formats import PARQUET, TEXT_FORMATS
from growth_assets.sources.lines import BOM

HEAD_BYTES = 256 << 10
"""So many decompressed bytes are looked at."""
_PARQUET_MAGIC = b"PAR1"
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x89PNG": "a picture",
}
"""First bytes of what is no log, though it may hold one."""
_MOST_LINES = 200
_LEAST_SHARE = 0.5


def detect(head: bytes, path: Path) -> str:
    """The name of the format.

    Args:
        head: the first decompressed bytes, HEAD_BYTES of them unless the file is shorter.
        path: for messages.

    Raises:
        SourceError: no format fits more than half of the lines; says what was tried and the remedy.
    """
    if head.startswith(_PARQUET_MAGIC):
        return PARQUET
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            raise SourceError(f"{path}: this is {name}. Unpack it into landing/, or remove it.")
    lines = head.removeprefix(BOM).split(b"\n")
    if len(head) >= HEAD_BYTES and len(lines) > 1:
        lines.pop()  # most likely cut off
    texts = [text for text in (line.decode("utf-8", "replace") for line in lines) if text.strip()][:_MOST_LINES]
    if not texts:
        return next(iter(TEXT_FORMATS))  # any will do: there is nothing but blank lines
    shares = {name: each.share(texts) for name, each in TEXT_FORMATS.items()}
    best = max(shares, key=lambda name: shares[name])
    if shares[best] > _LEAST_SHARE:
        return best
    tried = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    raise SourceError(
        f"{path}: the format of this file is not clear from its first {len(texts)} lines. Tried, with the share of "
        f"lines that fit: {tried}. Nearest is {best}, with {TEXT_FORMATS[best].looks_like}. Set `format` for its "
        "source in site.toml, or keep the file out of `files`."
    )
