"""A process that has imported everything and forks a child for each build, so that kills hit builds and not imports.

It must run no Polars query itself: a thread pool does not survive a fork. Each line of its input is a command as
JSON, `{"arguments": [...], "log": "file", "fault": null}`; it answers with the child's process id. For `{"wait": id}`
it answers with the exit code, negative for a signal. A fault is named `table ds` and stands for a full disk there. The
arguments are those of `growth-assets`; or `backfill`, a data folder, the first and the last day. With `"workers": true`
workers are worth it for any range, and waited for.
"""

import errno
import gc
import json
import os
import sys
from pathlib import Path

from dagster._core.storage.tags import BACKFILL_ID_TAG

import growth_assets.cli
import growth_assets.ingest.ledger
import growth_assets.orchestration.run
import growth_assets.warehouse.partitions
from growth_assets import workers
from growth_assets.orchestration import databases
from growth_assets.orchestration.daily import daily_keys
from growth_assets.orchestration.graph import definitions
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.stale_days import range_tags
from growth_assets.settings import load
from growth_assets.warehouse.partitions import Warehouse


def main() -> None:
    databases.revisions().get_current_head()
    # A child that looked through what is imported for garbage would copy all of that memory.
    gc.freeze()
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            answer = os.waitstatus_to_exitcode(os.waitpid(command["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                child(command)
        print(answer, flush=True)
    # Extension modules complain about objects of theirs that are left at the end.
    gc.unfreeze()


def child(command: dict) -> None:
    os.setsid()
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if command["fault"]:
        fill_disk(*command["fault"].split())
    if command["workers"]:
        wait_for_workers()
    os.environ.update(command["environment"])
    sys.argv = ["growth-assets", *command["arguments"]]
    code = 0
    try:
        if command["arguments"][0] == "backfill":
            backfill(*command["arguments"][1:])
        else:
            growth_assets.cli.main()
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else 1
    except BaseException:
        code = 70
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def backfill(folder: str, first: str, last: str) -> None:
    """The run that Dagster's daemon begins for a backfill of all daily tables."""
    settings = load(Path(folder))
    with open_instance(settings) as instance:
        job = definitions(settings).resolve_implicit_global_asset_job_def()
        tags = {**range_tags([first, last]), BACKFILL_ID_TAG: "chosen"}
        job.execute_in_process(instance=instance, asset_selection=daily_keys(), tags=tags)


def wait_for_workers() -> None:
    start = workers.Workers.start

    def started(self, *modules):
        start(self, *modules)
        for thread in self._starting:
            thread.join()

    workers.WORTH_IT = 1
    workers.Workers.start = started


def fill_disk(table_name: str, ds: str) -> None:
    """The disk fills up half way through one file."""
    stage = Warehouse.stage

    def full(self, table, day, frame):
        staged = stage(self, table, day, frame)
        if (table.name, day) == (table_name, ds):
            os.truncate(staged, staged.stat().st_size // 2)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(staged))
        return staged

    Warehouse.stage = full


if __name__ == "__main__":
    main()
