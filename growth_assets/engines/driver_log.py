"""The warnings and errors that the driver of Spark, a Java of this machine, logs, as lines for the log of a run."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

SECRET = re.compile(r"secret|password|passwd|token|credential|access[._]?key", re.IGNORECASE)
"""Names of settings whose values are not to be shown; all that Spark itself hides are among them."""

TOLD, KINDS, LONGEST = 3, 100, 400
"""Of lines that differ in their numbers alone so many are told, and then the tenth, the hundredth and so on; of so many
kinds of lines; and of each so many characters."""

RECORD, RAISED = "\x1e", "\x1f"
"""Before each record, and before what the exception says that it was logged with."""


class Shortened:
    """Records as lines for a log that is kept and shown: few, short, and without the secrets that are known."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Of two secrets one may begin with the other.
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._kinds: Counter[str] = Counter()

    def lines(self, records: str) -> list[str]:
        """The first line of each record and of its exception.

        What follows is left out: a traceback of a machine, say, which may hold what somebody sent.
        """
        return [line for record in records.split(RECORD)[1:] if (line := self._line(record))]

    def _line(self, record: str) -> str:
        line = ": ".join(first for each in record.split(RAISED) if (first := each.strip().partition("\n")[0].strip()))
        for secret in self._secrets:
            line = line.replace(secret, "...")
        line = "".join(each if each.isprintable() else " " for each in line)[:LONGEST]
        kind = re.sub(r"\d+", "0", line)
        if kind not in self._kinds and len(self._kinds) >= KINDS:
            return ""
        self._kinds[kind] += 1
        count = self._kinds[kind]
        if count <= TOLD:
            return line
        return f"{line} (for the {count:,}th time)" if re.fullmatch("10+", str(count)) else ""


def heard(context: Any, secrets: Iterable[str]) -> Callable[[], list[str]]:  # noqa: ANN401 - PySpark's own
    """Listen to the driver of a Spark `context`: what this gives tells what was logged since it was last called.

    What goes to the process's stderr stays as it was: `spark.log.level` says how much that is.
    """
    jvm, shortened, lock = context._jvm, Shortened(secrets), threading.Lock()
    log4j, core = jvm.org.apache.logging.log4j, jvm.org.apache.logging.log4j.core
    written = jvm.java.io.StringWriter()
    layout = core.layout.PatternLayout.newBuilder()
    layout = layout.withPattern(f"{RECORD}%p %c{{1}}: %m{RAISED}%ex{{short.message}}").build()
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
