"""Who comes: people with a home country and one to three devices, and the accounts they open.

Nothing about a person is stored: all follows from the person's number, so a world of ten million people costs
nothing. Only who has signed up is remembered from day to day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from growth_assets.simulate.addresses import Blocks
from growth_assets.simulate.browsers import Browsers
from growth_assets.simulate.dice import Dice, Flags, Ints, lottery, mixed
from growth_assets.simulate.rhythm import DAILY_GROWTH

COUNTRIES: tuple[tuple[str, int, int], ...] = (
    ("US", 300, -360), ("IN", 130, 330), ("GB", 75, 0), ("DE", 55, 60), ("CA", 50, -300), ("BR", 42, -180),
    ("FR", 38, 60), ("AU", 32, 600), ("NL", 28, 60), ("SG", 20, 480), ("ES", 20, 60), ("PL", 18, 60),
    ("IT", 18, 60), ("NG", 14, 60), ("MX", 14, -360), ("JP", 14, 540), ("IE", 12, 0), ("SE", 12, 60),
    ("PT", 11, 0), ("CH", 10, 60), ("PK", 10, 300), ("PH", 10, 480), ("ID", 10, 420), ("ZA", 9, 120),
    ("TR", 9, 180), ("AR", 9, -180), ("IL", 8, 120), ("KE", 8, 180), ("VN", 7, 420), ("NZ", 7, 720),
)  # fmt: skip
"""Country, share in thousandths, and one clock for all of it: minutes ahead of UTC in winter."""

CODES = tuple(code for code, _, _ in COUNTRIES)
_BY_SHARE = lottery([share for _, share, _ in COUNTRIES])
_OFFSETS = np.asarray([offset for _, _, offset in COUNTRIES], dtype=np.int64)

_LIFETIME_DAYS = 60
"""So long somebody keeps an interest in the sites; then new people have taken the place."""

# Of every ten people one comes often, three now and then, six rarely; the visits they make, in hundredths.
_VISITS_BY_HABIT = (25, 35, 40)
_TENTHS = ((0, 1), (1, 3), (4, 6))

_FIRST_USER_ID = 1_000_001


@dataclass(frozen=True)
class Crowd:
    """The people of a world. `size` know the sites in the first week; about a fifth of them come on a day."""

    seed: int
    size: int
    browsers: Browsers
    blocks: Blocks
    hosts: int

    def _word(self, person: Ints, lane: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
        return mixed(mixed(person, self.seed), lane)

    def known_on(self, day: int) -> tuple[int, int]:
        """First person, and one after the last, who may come on a day; whole tens."""
        growth = 1.0
        for _ in range(day):
            growth *= DAILY_GROWTH
        first = self.size * day // _LIFETIME_DAYS // 10
        return first * 10, (first + max(1, int(self.size * growth) // 10)) * 10

    def visitors(self, dice: Dice, day: int, visits: int) -> Ints:
        """The person of each visit; some come often, most rarely."""
        first, after = self.known_on(day)
        habit = dice.pick(visits, _VISITS_BY_HABIT)
        ten = dice.below(visits, (after - first) // 10)
        least, width = np.asarray(_TENTHS, dtype=np.int64)[habit].T
        within = dice.below(visits, 2**20) * width >> 20
        return np.asarray(first + ten * 10 + least + within)

    def country(self, person: Ints) -> Ints:
        """Position in CODES of each person's home."""
        return np.asarray(_BY_SHARE[(self._word(person, 1) % np.uint64(len(_BY_SHARE))).astype(np.int64)])

    def utc_offset(self, country: Ints) -> Ints:
        """Minutes ahead of UTC."""
        return np.asarray(_OFFSETS[country])

    def preferred_host(self, person: Ints, by_weight: Ints) -> Ints:
        """The host a person mostly visits."""
        return np.asarray(by_weight[(self._word(person, 2) % np.uint64(len(by_weight))).astype(np.int64)])

    def device(self, dice: Dice, person: Ints, country: Ints) -> tuple[Ints, Ints]:
        """Address and user agent with which each visit is made.

        One to three devices a person: the first at home, the second at home or in an office whose address
        many share, the third on the way. In one office of five all have the same machine, and so are one
        visitor.
        """
        owned = 1 + np.asarray(lottery((55, 33, 12)))[(self._word(person, 3) % np.uint64(100)).astype(np.int64)]
        device = np.where(dice.chance(len(person), 700_000), 0, dice.below(len(person), 2**20) * owned >> 20)
        # As many offices in each country, so that those of large countries are large.
        offices = max(1, self.size // 1_000)
        in_office = (device == 1) & (self._word(person, 4) % np.uint64(100) < np.uint64(25))
        office = (self._word(person, 5) % np.uint64(offices)).astype(np.int64) * len(CODES) + country
        place = np.where(in_office, mixed(office, self.seed + 6), self._word(person, 10 + 2**20) + _lane(device))
        uniform = in_office & (mixed(office, self.seed + 8) % np.uint64(5) == 0)
        machine = np.where(uniform, mixed(office, self.seed + 9), self._word(person, 11) + _lane(device))
        words = mixed(machine, 12)
        first_handheld = self._word(person, 13) % np.uint64(100) < np.uint64(58)
        handheld: Flags = ((device == 0) & first_handheld) | (device == 2)
        agent = np.where(handheld, self.browsers.draw(words, handheld=True), self.browsers.draw(words, handheld=False))
        return self.blocks.address(country, mixed(place, 14)), agent


class Accounts:
    """Who has an account: some had one before the world began, others open one."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._opened = np.zeros(0, dtype=np.bool_)

    def has(self, person: Ints) -> Flags:
        """True for people with an account."""
        before = mixed(mixed(person, self._crowd.seed), 20) % np.uint64(100) < np.uint64(12)
        highest = int(person.max(initial=0)) + 1
        if highest > len(self._opened):
            self._opened = np.concatenate((self._opened, np.zeros(highest - len(self._opened), dtype=np.bool_)))
        return np.asarray(before | self._opened[person])

    def open(self, person: Ints) -> None:
        """Remember who has signed up."""
        self._opened[person] = True

    @staticmethod
    def user_id(person: Ints) -> Ints:
        """The number under which a person logs in."""
        return np.asarray(person + _FIRST_USER_ID)


def _lane(device: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    with np.errstate(over="ignore"):
        return np.asarray(device.astype(np.uint64) * np.uint64(0xD1342543DE82EF95))
