"""The warnings and errors that the driver of Spark, a Java of this machine, logs, as lines for the log of a run."""

from __future__ import annotations

import re
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, quote_plus

SECRET = re.compile(r"secret|password|passwd|token|credential|access[._]?key", re.IGNORECASE)
"""Names of settings whose values are not to be shown; all that Spark itself hides are among them."""

TOLD, KINDS, LONGEST = 3, 100, 400
"""Of lines that differ in their numbers alone so many are told, and then the tenth, the hundredth and so on; of so many
kinds of lines; and of each so many characters."""

SHOWN = re.compile(
    r"((?:secret|passw(?:or)?d|token|credential|key|sig(?:nature)?|delegation)[\w.-]*=|\bBearer\s+)\S+"
    r"|(?<=://)[^\s/@]+:[^\s/]*(?=@)",
    re.IGNORECASE,
)
"""Values that are not to be shown wherever they are from: what has such a name in a URL or a message, and a user with
a password before a host."""


class Shortened:
    """Records as lines for a log that is kept and shown: few, short, and without what is, or looks like, a secret.

    `hidden` are secrets that are known.
    """

    def __init__(self, hidden: Iterable[str]) -> None:
        known = {form for each in hidden if each for form in (each, quote(each, safe=""), quote_plus(each))}
        # Of two secrets one may begin with the other.
        self._hidden = sorted(known, key=len, reverse=True)
        self._kinds: Counter[str] = Counter()
        # Not to be guessed: what is logged may hold what anybody sent.
        mark = secrets.token_hex(8)
        self.record = f"\x1e{mark}"
        """What stands before each record."""
        self.raised = f"\x1f{mark}"
        """What stands before what the exception says that a record was logged with."""

    def lines(self, records: str) -> list[str]:
        """The first line of each record and of its exception.

        What follows is left out: a traceback of a machine, say, which may hold what somebody sent.
        """
        return [line for record in records.split(self.record)[1:] if (line := self._line(record))]

    def _line(self, record: str) -> str:
        # Before anything is cut off: the beginning of a secret is one, too.
        for secret in self._hidden:
            record = record.replace(secret, "...")
        said = (each.strip().partition("\n")[0].strip() for each in record.split(self.raised))
        line = SHOWN.sub(lambda found: f"{found[1] or ''}...", ": ".join(filter(None, said)))
        line = "".join(each if each.isprintable() else " " for each in line)[:LONGEST]
        kind = re.sub(r"\d+", "0", line)
        if kind not in self._kinds and len(self._kinds) >= KINDS:
            return ""
        self._kinds[kind] += 1
        count = self._kinds[kind]
        if count <= TOLD:
            return line
        return f"{line} (for the {count:,}th time)" if re.fullmatch("10+", str(count)) else ""


def heard(context: Any, hidden: Iterable[str]) -> Callable[[], list[str]]:  # noqa: ANN401 - PySpark's own
    """Listen to the driver of a Spark `context`: what this gives tells what was logged since it was last called.

    What goes to the process's stderr stays as it was: `spark.log.level` says how much that is. Where the driver logs by
    another library than Spark brings, that is told once, and nothing else.
    """
    try:
        return _listened(context, Shortened(hidden))
    except Exception as error:  # whatever Java and its bridge raise
        said = [f"WARN growth_assets: what the driver warns of is in its stderr alone ({type(error).__name__})"]

        def once() -> list[str]:
            told = said.copy()
            said.clear()
            return told

        return once


def _listened(context: Any, shortened: Shortened) -> Callable[[], list[str]]:  # noqa: ANN401 - PySpark's own
    jvm, lock = context._jvm, threading.Lock()
    log4j, core = jvm.org.apache.logging.log4j, jvm.org.apache.logging.log4j.core
    written = jvm.java.io.StringWriter()
    layout = core.layout.PatternLayout.newBuilder()
    layout = layout.withPattern(f"{shortened.record}%p %c{{1}}: %m{shortened.raised}%ex{{short.message}}").build()
    appender = core.appender.WriterAppender.createAppender(layout, None, written, "growth_assets", False, True)  # noqa: FBT003 - of Java
    appender.start()
    logging = log4j.LogManager.getContext(False)  # noqa: FBT003 - of Java
    root = logging.getConfiguration().getRootLogger()
    level, warnings = root.getLevel(), log4j.Level.WARN
    for name in list(root.getAppenders()):
        before = root.getAppenders()[name]
        root.removeAppender(name)
        root.addAppender(before, level, None)
    root.addAppender(appender, warnings, None)
    if level.isMoreSpecificThan(warnings):
        root.setLevel(warnings)
    logging.updateLoggers()

    def lines() -> list[str]:
        with lock:
            buffer = written.getBuffer()
            # More may be logged meanwhile: that stays.
            length = buffer.length()
            records = str(buffer.substring(0, length))
            buffer.delete(0, length)
            return shortened.lines(records)

    return lines
