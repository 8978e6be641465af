"""A cluster of this process alone, which does to a day's work what Spark may do to it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from random import Random

from growth_assets.engines import tasks
from growth_assets.engines.tasks import Piece, Range, Report, Work


class ByHand:
    """In place of `Cluster`: pieces come in any order, and of what is done twice either attempt may count."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.reports = self.tried_again = 0

    def run(self, work: Work, shares: Sequence[Sequence[Range]], what: str) -> list[Report]:
        """Both steps, one task after the other."""
        assert work.folder not in what
        pieces: list[list[Piece]] = [[] for _ in range(work.pieces)]
        for number in self.some_order(len(shares)):
            attempts = [list(tasks.cut(work, shares[number], number)) for _ in range(self.attempts())]
            for piece in self.random.choice(attempts):
                # As bytes, since no memory is shared.
                pieces[piece.number].append(pickle.loads(pickle.dumps(piece)))  # noqa: S301 - our own
        reports = []
        for number in self.some_order(work.pieces):
            self.random.shuffle(pieces[number])
            attempts = [tasks.make(work, pieces[number]) for _ in range(self.attempts())]
            report = self.random.choice(attempts)
            assert (report is None) == (not pieces[number])
            if report is not None:
                reports.append(tasks.from_json(tasks.as_json(report)))
        self.reports += len(reports)
        # Some are added up before all are.
        few = self.random.randint(1, 4)
        return [tasks.merged(work, reports[first : first + few]) for first in range(0, len(reports), few)]

    def some_order(self, count: int) -> list[int]:
        return self.random.sample(range(count), count)

    def attempts(self) -> int:
        """Most tasks are done once; some again, or by two machines at once."""
        again = self.random.random() < 0.2
        self.tried_again += again
        return 1 + again
