"""The Spark cluster: one session for all that is built meanwhile, and how work goes through it.

Spark distributes, shuffles and tries again; what it moves are bytes that it does not look into. PySpark is imported
here alone, and only when a cluster is asked for.
"""

from __future__ import annotations

import secrets
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from growth_assets.engines import reachable, tasks
from growth_assets.engines.driver_log import SECRET, heard
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
    # On stderr; what it warns of goes into the run's log.
    "spark.log.level": "ERROR",
    # An executor runs a process a core.
    "spark.executorEnv.POLARS_MAX_THREADS": "1",
}
"""Settings of Spark's own that are not its defaults; the site's `spark.conf` goes before them."""


class ClusterError(Exception):
    """The cluster cannot be used, or cannot do what it is asked to; the message names the remedy."""


class CanceledError(ClusterError):
    """Somebody stopped what the cluster was at."""


@dataclass(frozen=True)
class Spent:
    """What a job took, as Spark counts it."""

    what: str
    application: str
    """Spark's name for all that a session does."""
    stages: int
    tasks: int
    """Those that did their work."""
    failed: int = 0
    """Those that ended in another way, and were tried again."""
    shuffled_bytes: int = 0
    run_seconds: float = 0.0
    """All tasks together, on a core each; 0 where a server does not tell."""
    cpu_seconds: float = 0.0
    """Of the machines' Java alone: the Python beside it is waited for."""
    why: tuple[str, ...] = ()
    """A few reasons why tasks failed."""

    def __str__(self) -> str:
        said = f"{self.stages} stages, {self.tasks} tasks, {self.failed} failed, {self.shuffled_bytes / 1e6:.1f} MB "
        said += f"shuffled, {self.run_seconds:.1f} s of tasks, {self.cpu_seconds:.1f} s of CPU in Java"
        return f"{self.application}: {said}" + "".join(f"; a task failed: {each}" for each in self.why)


class Cluster:
    """A session on the cluster, opened when it is first used.

    Whatever opens it raises ClusterError where there can be none.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connect = settings.spark.remote is not None
        self._canceled = False
        self._under_way: dict[str, str] = {}
        """What is under way to the group of its jobs; with Spark Connect, to what is told of it."""
        self._of_thread = threading.local()
        self._spent: deque[Spent] = deque(maxlen=1_000)
        self._heard: Callable[[], list[str]] | None = None

    @cached_property
    def _spark(self) -> Any:  # noqa: ANN401 - PySpark's own, which may be absent
        with _interrupts_kept():
            opened = _session(self._settings)
        if self._connect:
            opened.registerProgressHandler(self._hear)
        else:
            secret = (value for name, value in self._settings.spark.conf if SECRET.search(name))
            self._heard = heard(opened.sparkContext, secret)
        return opened

    @property
    def ui(self) -> str:
        """Where Spark shows what it does; "" where it does not say."""
        context = getattr(self._spark, "_sc", None)
        return (context.uiWebUrl or "") if context is not None else ""

    @property
    def application(self) -> str:
        """By which name Spark knows what this session does."""
        return str(self._spark.conf.get("spark.app.id", ""))

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
        return [tasks.from_json(bytes(row["content"])) for row in rows]

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

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """The rows of a statement of Spark SQL.

        Raises:
            ClusterError: it failed.
        """
        try:
            return [tuple(row) for row in self._spark.sql(statement).collect()]
        except Exception as error:  # whatever Spark's two clients raise
            raise explained(error) from error

    def codes(self) -> Mapping[str, int]:
        """The code of the machines' processes, as far as these can be reached, to how many have it."""
        frame = self._spark.range(0, _ASKED, 1, _ASKED).mapInArrow(_telling(), PIECES)
        return Counter(row["kind"] for row in self._collected(frame, "which code the machines have"))

    def progress(self) -> list[str]:
        """What is under way, and how far it is."""
        under_way = list(self._under_way.items())
        if self._connect:
            return [f"{what}: {told}" for what, told in under_way if told]
        tracker = self._spark.sparkContext.statusTracker()
        found = []
        for what, group in under_way:
            jobs = filter(None, map(tracker.getJobInfo, tracker.getJobIdsForGroup(group)))
            stages = filter(None, (tracker.getStageInfo(stage) for job in jobs for stage in job.stageIds))
            counted = [(each.numCompletedTasks, each.numTasks, each.numActiveTasks) for each in stages]
            found.append((what, _said([each for each in counted if each[2]])))
        return [f"{what}: {told}" for what, told in found if told]

    def spent(self, name: str) -> list[Spent]:
        """What the jobs took that were asked for under a name, and have ended; each is told once."""
        found = [each for each in list(self._spent) if _name(each.what) == name]
        for each in found:
            self._spent.remove(each)
        return found

    def said(self) -> list[str]:
        """What Spark's driver warned of since it was last asked, in a line each; of a server that is not known here."""
        return self._heard() if self._heard else []

    def cancel(self) -> None:
        """End the steps under way, and begin no other."""
        self._canceled = True
        if self._connect:
            self._spark.interruptTag(TAG)
        else:
            self._spark.sparkContext.cancelAllJobs()

    def begin_anew(self) -> None:
        """Whoever uses the session from now on was not told to stop, and gets another one where it has ended."""
        self._canceled = False
        if "_spark" in self.__dict__ and self._ended():
            self.close()

    def close(self) -> None:
        """End the session, where it was opened."""
        opened, self._heard = self.__dict__.pop("_spark", None), None
        if opened is not None:
            # Whatever is wrong with it, it is not used again.
            with suppress(Exception):
                opened.stop()
            if not self._connect:
                _forget_java()

    def _ended(self) -> bool:
        try:
            if self._connect:
                return bool(self._spark.is_stopped)
            return bool(self._spark.sparkContext._jsc.sc().isStopped())
        except Exception:  # no process to ask
            return True

    def _collected(self, frame: Any, what: str) -> list[Any]:  # noqa: ANN401 - PySpark's own
        name, group = _name(what), f"{TAG}-{secrets.token_hex(4)}"
        if self._connect:
            self._spark.addTag(TAG)
            self._of_thread.name, self._of_thread.stages = name, ()
        else:
            self._spark.sparkContext.setJobGroup(group, what)
        self._under_way[name] = "" if self._connect else group
        try:
            if self._canceled:
                raise CanceledError("canceled")
            return list(frame.collect())
        except Exception as error:  # whatever Spark's two clients raise
            if self._canceled:
                raise CanceledError("canceled") from None
            raise explained(error) from error
        finally:
            self._under_way.pop(name, None)
            # A session may be lost, in as many ways as its clients know.
            with suppress(Exception):
                self._spent.append(self._told_by_server(what) if self._connect else self._counted(what, group))

    def _counted(self, what: str, group: str) -> Spent:
        context = self._spark.sparkContext
        tracker, store = context.statusTracker(), context._jsc.sc().statusStore()
        jobs = tracker.getJobIdsForGroup(group)
        until = time.monotonic() + COUNTED_SECONDS
        # What ended may not be counted yet.
        while any(tracker.getJobInfo(job).status == "RUNNING" for job in jobs) and time.monotonic() < until:
            time.sleep(0.02)
        told = [store.lastStageAttempt(stage) for job in jobs for stage in tracker.getJobInfo(job).stageIds]
        failed = [each.numFailedTasks() + each.numKilledTasks() for each in told]
        why = {
            _last_line(said.get()): None
            for each in told
            if each.numFailedTasks()
            for task in _listed(context, store.taskList(each.stageId(), each.attemptId(), MOST_TASKS))
            if (said := task.errorMessage()).isDefined()
        }
        return Spent(
            what, context.applicationId, len(told), sum(each.numCompleteTasks() for each in told), sum(failed),
            sum(each.shuffleWriteBytes() for each in told), sum(each.executorRunTime() for each in told) / 1e3,
            sum(each.executorCpuTime() for each in told) / 1e9, tuple(why)[:MOST_WHY],
        )  # fmt: skip

    def _told_by_server(self, what: str) -> Spent:
        stages = self._of_thread.stages
        return Spent(what, self.application, len(stages), sum(each.num_completed_tasks for each in stages))

    def _hear(self, stages: Any, inflight_tasks: int, operation_id: str, done: bool) -> None:  # noqa: ANN401, ARG002, FBT001 - as Spark Connect calls it
        # In the thread that asked for it.
        name = getattr(self._of_thread, "name", "")
        self._of_thread.stages = stages or ()
        active = [each for each in stages or () if not each.done]
        if name in self._under_way:
            counted = [(each.num_completed_tasks, each.num_tasks, inflight_tasks) for each in active]
            self._under_way[name] = _said(counted)


TAG = "growth_assets"

REPORTS_AT_ONCE = 64
"""Where there are more parts of a day than this, what so many tasks made is added up by one more."""

COUNTED_SECONDS = 2.0
"""So long it is waited for what Spark counts of a job that has ended."""

MOST_TASKS, MOST_WHY = 1_000, 3
"""Of so many tasks of a stage the reasons are looked at why some failed, and so many reasons are told."""

_ASKED = 8
"""So many tasks are asked which code they have: every process of a small cluster gets some."""


def _said(stages: Sequence[tuple[int, int, int]]) -> str:
    return "; ".join(f"{done} of {tasks} tasks done, {active} under way" for done, tasks, active in stages)


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Whoever is told of an interrupt stays so: a session takes them for itself when it is opened."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _name(what: str) -> str:
    """What is before the colon: a day, or what else is asked for."""
    return what.partition(":")[0]


def _listed(context: Any, sequence: Any) -> list[Any]:  # noqa: ANN401 - of Java
    return list(context._jvm.scala.jdk.javaapi.CollectionConverters.asJava(sequence))


def _forget_java() -> None:
    """Have the next session begin a Java of its own, where the one that there was is gone."""
    pyspark = sys.modules.get("pyspark.sql")
    if pyspark is None:
        return
    context, session = sys.modules["pyspark"].SparkContext, pyspark.SparkSession
    process = getattr(context._gateway, "proc", None)
    if process is not None and process.poll() is not None:
        context._gateway = context._jvm = context._active_spark_context = None
        session._instantiatedSession = None
        if process.stdin is not None:
            process.stdin.close()


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
            report = tasks.merged(work, [tasks.from_json(each) for each in contents])
            yield as_batch(Piece(report.number, tasks.REPORT, tasks.as_json(report)))

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
            yield as_batch(Piece(report.number, tasks.REPORT, tasks.as_json(report)))

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
    chosen = settings.spark
    if why := reachable.why_not(chosen):
        raise ClusterError(f"no session on {chosen.where}: {why}")
    enter_spark(settings)
    builder = SparkSession.builder
    remote = chosen.remote.get_secret_value() if chosen.remote else ""
    builder = builder.remote(remote) if remote else builder.master(str(chosen.master))
    # Of a server that is there already only what belongs to a session can be set.
    defaults = {name: value for name, value in DEFAULTS.items() if not remote or name.startswith("spark.sql.")}
    if chosen.catalogue and not remote:
        # Without a catalogue that is kept somewhere the tables would go with the session.
        defaults |= {"spark.sql.catalogImplementation": "hive"}
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
            f"no session on {chosen.where} ({said}). Check spark.{'remote' if remote else 'master'} and [spark.conf], "
            "and that the cluster is up. What Spark said of it is in stderr."
        ) from (None if remote else error)
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
    return (told or lines or [type(error).__name__])[-1].removeprefix(": ")[:500]


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
