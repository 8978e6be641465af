"""The Spark cluster: one session for all that is built meanwhile, and how work goes through it.

Spark distributes, shuffles and tries again; what it moves are bytes that it does not look into. PySpark is imported
here alone, and only when a cluster is asked for.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

import pyarrow as pa

from growth_assets.engines import tasks
from growth_assets.engines.tasks import Piece, Range, Report, Work
from growth_assets.settings import Settings, enter_spark

PIECES = "number int, kind string, content binary"

DEFAULTS = {
    "spark.app.name": "growth_assets",
    # Each row holds up to some hundred thousand events.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "16",
    "spark.driver.maxResultSize": "0",
    "spark.sql.adaptive.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # An executor runs a process a core.
    "spark.executorEnv.POLARS_MAX_THREADS": "1",
}
"""Settings of Spark's own that are not its defaults; the site's `spark.conf` goes before them."""


class ClusterError(Exception):
    """The cluster cannot be used, or cannot do what it is asked to; the message names the remedy."""


class CanceledError(ClusterError):
    """Somebody stopped what the cluster was at."""


class Cluster:
    """A session on the cluster, opened when it is first used.

    Whatever opens it raises ClusterError where there can be none.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connect = settings.spark.remote is not None
        self._canceled, self._told = False, ""

    @cached_property
    def _spark(self) -> Any:  # noqa: ANN401 - PySpark's own, which may be absent
        opened = _session(self._settings)
        if self._connect:
            opened.registerProgressHandler(self._hear)
        return opened

    @property
    def ui(self) -> str:
        """Where Spark shows what it does; "" where it does not say."""
        context = getattr(self._spark, "_sc", None)
        return (context.uiWebUrl or "") if context is not None else ""

    @property
    def version(self) -> str:
        """Spark's own."""
        return str(self._spark.version)

    def run(self, work: Work, shares: Sequence[Sequence[Range]], what: str) -> list[Report]:
        """Take shares of rows through both steps; `what` is what Spark shows of it.

        Raises:
            CanceledError: `cancel` was called meanwhile.
            ClusterError: a step failed, as often as Spark tries.
        """
        from pyspark import cloudpickle  # noqa: PLC0415 - absent where no cluster is used

        content, code = cloudpickle.dumps(work), tasks.this_code()
        frame = (
            self._spark.range(0, len(shares), 1, len(shares))
            .mapInArrow(_cutting(content, code, [list(share) for share in shares]), PIECES)
            .repartitionById(work.pieces, "number")
            .mapInArrow(_making(content, code), PIECES)
        )
        if work.pieces > REPORTS_AT_ONCE:
            # What is small of one task is not of ten thousand: it is added up before it comes here.
            groups = -(-work.pieces // REPORTS_AT_ONCE)
            frame = frame.repartitionById(groups, frame["number"] % groups).mapInArrow(_merging(content, code), PIECES)
        rows = self._collected(frame, what)
        return [pickle.loads(row["content"]) for row in rows]  # noqa: S301 - our own

    def each(self, function: Callable[[Any], bytes], shares: Sequence[Any], what: str) -> list[bytes]:
        """What a function that machines know by its name gives for each share, in any order; one task does one.

        Raises:
            CanceledError: `cancel` was called meanwhile.
            ClusterError: a task failed, as often as Spark tries.
        """
        from pyspark import cloudpickle  # noqa: PLC0415 - absent where no cluster is used

        content, code = cloudpickle.dumps((function, list(shares))), tasks.this_code()
        frame = self._spark.range(0, len(shares), 1, len(shares)).mapInArrow(_doing(content, code), PIECES)
        return [bytes(row["content"]) for row in self._collected(frame, what)]

    def codes(self) -> Mapping[str, int]:
        """The code of the machines' processes, as far as these can be reached, to how many have it."""
        frame = self._spark.range(0, _ASKED, 1, _ASKED).mapInArrow(_telling(), PIECES)
        return Counter(row["kind"] for row in self._collected(frame, "which code the machines have"))

    def progress(self) -> str:
        """How far the steps under way are, or ""."""
        if self._connect:
            return self._told
        tracker = self._spark.sparkContext.statusTracker()
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return _said([(each.numCompletedTasks, each.numTasks, each.numActiveTasks) for each in stages if each])

    def cancel(self) -> None:
        """End the steps under way, and begin no other."""
        self._canceled = True
        if self._connect:
            self._spark.interruptTag(TAG)
        else:
            self._spark.sparkContext.cancelAllJobs()

    def begin_anew(self) -> None:
        """Whoever uses the session from now on was not told to stop, and gets another one where it has ended."""
        self._canceled, self._told = False, ""
        if "_spark" in self.__dict__ and self._ended():
            self.close()

    def close(self) -> None:
        """End the session, where it was opened."""
        opened = self.__dict__.pop("_spark", None)
        if opened is not None:
            # Whatever is wrong with it, it is not used again.
            with suppress(Exception):
                opened.stop()

    def _ended(self) -> bool:
        try:
            if self._connect:
                return bool(self._spark.is_stopped)
            return bool(self._spark.sparkContext._jsc.sc().isStopped())
        except Exception:  # no process to ask
            return True

    def _collected(self, frame: Any, what: str) -> list[Any]:  # noqa: ANN401 - PySpark's own
        if self._connect:
            self._spark.addTag(TAG)
        else:
            self._spark.sparkContext.setJobDescription(what)
        try:
            if self._canceled:
                raise CanceledError("canceled")
            return list(frame.collect())
        except Exception as error:  # whatever Spark's two clients raise
            if self._canceled:
                raise CanceledError("canceled") from None
            raise explained(error) from error

    def _hear(self, stages: Any, inflight_tasks: int, operation_id: str, done: bool) -> None:  # noqa: ANN401, ARG002, FBT001 - as Spark Connect calls it
        active = [each for each in stages or () if not each.done]
        self._told = _said([(each.num_completed_tasks, each.num_tasks, inflight_tasks) for each in active])


TAG = "growth_assets"

REPORTS_AT_ONCE = 64
"""Where there are more parts of a day than this, what so many tasks made is added up by one more."""

_ASKED = 8
"""So many tasks are asked which code they have: every process of a small cluster gets some."""


def _said(stages: Sequence[tuple[int, int, int]]) -> str:
    return "; ".join(f"{done} of {tasks} tasks done, {active} under way" for done, tasks, active in stages)


_Step = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def _cutting(content: bytes, code: str, shares: list[list[Range]]) -> _Step:
    def step(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for piece in tasks.cut(tasks.work_of(content, code), shares[number], number):
                    yield as_batch(piece)

    return step


def _doing(content: bytes, code: str) -> _Step:
    def step(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                function, shares = tasks.sent(content, code)
                yield as_batch(Piece(number, tasks.REPORT, function(shares[number])))

    return step


def _telling() -> _Step:
    def step(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield as_batch(Piece(0, tasks.this_code(), b""))

    return step


def _merging(content: bytes, code: str) -> _Step:
    def step(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        contents = [each for batch in batches for each in batch.column(2).to_pylist()]
        if contents:
            work = tasks.work_of(content, code)
            report = tasks.merged(work, [pickle.loads(each) for each in contents])  # noqa: S301 - our own
            yield as_batch(Piece(report.number, tasks.REPORT, pickle.dumps(report)))

    return step


def _making(content: bytes, code: str) -> _Step:
    def step(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        pieces = (
            Piece(**row)
            for batch in batches
            for start in range(batch.num_rows)
            for row in batch.slice(start, 1).to_pylist()
        )
        report = tasks.make(tasks.work_of(content, code), pieces)
        if report is not None:
            yield as_batch(Piece(report.number, tasks.REPORT, pickle.dumps(report)))

    return step


def as_batch(piece: Piece) -> pa.RecordBatch:
    """A piece as Spark is given it."""
    return pa.RecordBatch.from_arrays(
        [pa.array([piece.number], pa.int32()), pa.array([piece.kind]), pa.array([piece.content], pa.binary())],
        names=["number", "kind", "content"],
    )


def _session(settings: Settings) -> Any:  # noqa: ANN401 - PySpark's own, which may be absent
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - absent where no cluster is used
    except ImportError as error:
        raise ClusterError(
            'engine is "spark", and PySpark is not installed: pip install "growth-assets[spark]"'
        ) from error
    enter_spark(settings)
    chosen = settings.spark
    builder = SparkSession.builder
    remote = chosen.remote.get_secret_value() if chosen.remote else ""
    builder = builder.remote(remote) if remote else builder.master(str(chosen.master))
    # Of a server that is there already only what belongs to a session can be set.
    defaults = {name: value for name, value in DEFAULTS.items() if not remote or name.startswith("spark.sql.")}
    for name, value in {**defaults, **dict(chosen.conf)}.items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except Exception as error:
        said, more = _last_line(error), remote.partition(";")[2]
        for secret in filter(None, (more, *(each.partition("=")[2] for each in more.split(";")))):
            said = said.replace(secret, "...")
        # What was raised may hold the token.
        raise ClusterError(
            f"no session on {chosen.where} ({said}). Check spark.{'remote' if remote else 'master'}, "
            "that the cluster is up, and that Java is installed here."
        ) from (None if remote else error)
    if not remote:
        spark.sparkContext.setLogLevel("ERROR")
    return spark


def explained(error: Exception) -> ClusterError:
    """What Spark raised, in a line that says what to do."""
    said = str(error)
    if "No module named 'growth_assets'" in said:
        return ClusterError(
            "the Python of the executors has no growth_assets: install the same version there, or name a Python that "
            'has it by "spark.pyspark.python" in [spark.conf]'
        )
    _, _, other = said.partition(f"{tasks.OtherCodeError.__name__}: ")
    if other:
        return ClusterError(f"{other.splitlines()[0]}. Install the same there; nothing was built")
    return ClusterError(f"the cluster failed: {_last_line(error)}")


def _last_line(error: Exception) -> str:
    """What a traceback of another machine comes to."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [
        line for line in lines if ("Error" in line or "Exception" in line) and not line.startswith(("at ", "File "))
    ]
    return (told or lines or [type(error).__name__])[-1][:500]


_open: list[Cluster] = []


@contextmanager
def at_hand(settings: Settings) -> Iterator[Cluster]:
    """A session for as long as this lasts, the same one in all that is done meanwhile."""
    if _open:
        _open[0].begin_anew()
        yield _open[0]
        return
    cluster = Cluster(settings)
    _open.append(cluster)
    try:
        yield cluster
    finally:
        _open.clear()
        cluster.close()
