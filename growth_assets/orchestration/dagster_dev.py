"""Dagster's `dev`, ended in one line that says what to do where its web server or its daemon died."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Sequence

from dagster._cli import ENV_PREFIX
from dagster._cli.dev import dev_command

ENDED = re.compile(r"dagster-(webserver|daemon) process shut down unexpectedly with return code (-?\d+)")
"""What Dagster raises when one of its two processes is gone."""

FAILED = 3


class Fault(logging.Filter):
    """Keeps back Dagster's traceback of a process that died, and remembers what it tells."""

    told = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for the record that holds the traceback of a process that died."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        ended = ENDED.search(str(error))
        self.told = _told(ended[1], int(ended[2])) if ended else str(error)
        return ended is None


def _told(process: str, code: int) -> str:
    what = {"webserver": "web server", "daemon": "daemon"}[process]
    how = f"ended with code {code}"
    if code < 0:
        how = f"was killed by signal {-code}"
    memory = ", as the system does where memory runs out" if -code == signal.SIGKILL else ""
    return (
        f"Dagster's {what} {how}{memory}, so that all of it was stopped. Start `growth-assets ui` again: what was "
        "published stays."
    )


def main(arguments: Sequence[str]) -> int:
    """Run `dagster dev` until it is stopped; 3 where it stopped by itself."""
    # By this signal Dagster ends its two processes. Where a shell has us ignore it, in the background or under nohup,
    # they would as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fault = Fault()
    logging.getLogger("dagster").addFilter(fault)
    try:
        dev_command.main(list(arguments), "dagster dev", auto_envvar_prefix=f"{ENV_PREFIX}_DEV")
    except SystemExit as stop:
        if stop.code and not fault.told:
            return stop.code if isinstance(stop.code, int) else FAILED
    if fault.told:
        sys.stderr.write(f"Error: {fault.told}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
