"""What is told where one of Dagster's own processes ends by itself."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from growth_assets.orchestration.dagster_dev import Fault

ENDED = "dagster-{} process shut down unexpectedly with return code {}"


def record(message: str) -> logging.LogRecord:
    error = RuntimeError(message)
    return logging.LogRecord("dagster", logging.ERROR, "", 1, "unexpected", None, (type(error), error, None))


@pytest.mark.parametrize(
    ("process", "code", "told"),
    [
        ("daemon", -9, "Dagster's daemon was killed by signal 9, as the system does where memory runs out, so"),
        ("webserver", -15, "Dagster's web server was killed by signal 15, so"),
        ("webserver", 1, "Dagster's web server ended with code 1, so"),
    ],
)
def test_a_process_that_ended_is_told_with_what_to_do_and_without_its_traceback(process, code, told):
    fault = Fault()
    assert not fault.filter(record(ENDED.format(process, code)))
    assert fault.told.startswith(told)
    assert "Start `growth-assets ui` again: what was published stays" in fault.told


def test_what_nobody_foresaw_keeps_its_traceback_and_is_a_fault_too():
    fault = Fault()
    assert fault.filter(record("no space left"))
    assert fault.told == "no space left"


ASKS = """
import signal, subprocess, sys
from growth_assets.orchestration import dagster_dev
child = [sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)"]
dagster_dev.dev_command.main = lambda *arguments, **named: subprocess.run(child, check=True)
dagster_dev.main([])
"""


def test_processes_started_from_a_shell_that_has_them_ignore_the_signal_to_end_heed_it():
    """As `nohup growth-assets ui &` does."""
    program = f"trap '' INT; exec {sys.executable} -c \"$1\""
    asked = subprocess.run(["sh", "-c", program, "sh", ASKS], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "True"
