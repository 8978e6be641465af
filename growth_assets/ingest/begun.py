"""Landing that may begin before it is asked for: reading needs neither Dagster nor the tables, whose imports take long.

Until somebody asks, what is read is staged alone: nothing is published, and nothing remembered of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event, Thread

from growth_assets import workers
from growth_assets.ingest import landing
from growth_assets.ingest.landing import Landed, Progress
from growth_assets.ingest.many_files import Machines
from growth_assets.ingest.one_file import DroppedError
from growth_assets.settings import Settings


class Landing:
    """The next landing of a site."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self._settings, self._progress = settings, progress
        self._begun: Future[Landed] | None = None
        self._asked, self._dropped = Event(), False

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Begin in a thread of its own, unless a cluster is to read; what is not asked for in here is dropped.

        The thread has ended when this is left. To end the process beside one that computes outside of Python would
        abort it, whatever its exit code was to be.
        """
        if self._settings.engine == "spark":
            yield
            return
        with workers.at_hand():
            self._begun = Future()
            thread = Thread(target=self._run, args=[self._begun], name="landing")
            thread.start()
            try:
                yield
            finally:
                self._drop()
                thread.join()

    def land(self, machines: Machines | None = None) -> Landed:
        """Land what is new, or go on where that has begun.

        Raises:
            whatever landing raises.
        """
        begun, self._begun = self._begun, None
        if begun is None:
            return landing.land(self._settings, self._progress, machines)
        self._asked.set()
        try:
            return begun.result()
        except BaseException:
            # Who is interrupted here never hears of what is published from now on.
            self._drop()
            raise

    def _drop(self) -> None:
        self._dropped = True
        self._asked.set()

    def _run(self, begun: Future[Landed]) -> None:
        try:
            landed = landing.land(
                self._settings, self._progress, may_publish=self._may_publish, may_go_on=self._may_go_on
            )
            begun.set_result(landed)
        except BaseException as error:
            begun.set_exception(error)

    def _may_publish(self) -> None:
        self._asked.wait()
        self._may_go_on()

    def _may_go_on(self) -> None:
        if self._dropped:
            raise DroppedError
