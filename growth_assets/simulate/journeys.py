"""What people do on a site: a visit has a source, pages, and now and then a signup, a login, a purchase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from growth_assets.simulate import pages, referrers
from growth_assets.simulate.dice import Dice, Ints, lottery
from growth_assets.simulate.events import Events, Visits
from growth_assets.simulate.people import Accounts, Crowd
from growth_assets.simulate.rhythm import DAY_MS, start_times

LENGTHS = ((1, 24), (2, 18), (3, 15), (4, 12), (5, 9), (6, 7), (7, 5), (8, 4), (10, 3), (14, 2), (20, 1))
"""How many things a visitor does before anything is decided, with shares in hundredths; 3.9 in the mean."""

# A visit that ends as it began, and those with something decided. `more` events are added to the length.
BROWSE, SIGN_UP, SIGN_UP_AND_IN, SIGN_UP_AND_BUY, LOG_IN, LOG_IN_AND_BUY = range(6)
_MORE = np.asarray([0, 2, 4, 5, 2, 4], dtype=np.int64)
_STRANGER = (9668, 150, 167, 15, 0, 0)  # of ten thousand visits of people without an account
_MEMBER = (6500, 0, 0, 0, 3476, 24)  # and of those with one

_OWN_HOST = 850_000  # of a million visits go to the host that the person prefers
_TAGGED = 350_000  # of a million visits from a source with campaigns carry its tags
_SHORTEST_PAUSE_MS, _PAUSE_MS = 2_000, 110_000
_NEVER = 10_000

_NATIVE_STEPS = ((pages.PAGES, 84), (pages.WATCHED, 11), ((pages.CLICK,), 5))
_LOGGED_STEPS = ((pages.PAGES, 64), (pages.FILES, 33), (pages.MISSING, 2), (pages.MOVED, 1))


@dataclass(frozen=True)
class _Plan:
    person: Ints
    country: Ints
    host: Ints
    kind: Ints
    length: Ints


def visits_of_day(
    dice: Dice, crowd: Crowd, accounts: Accounts, *, day: int, midnight: int, wanted: int, access_log: bool
) -> tuple[Events, Visits]:
    """Exactly `wanted` events of people on a day, in visits.

    Args:
        dice: the day's own.
        crowd: who may come.
        accounts: who has signed up before; those of today are added.
        day: days since the world began.
        midnight: the day's begin in milliseconds since 1970.
        wanted: how many events.
        access_log: a web server's log sees files, errors and redirects, but neither clicks nor minutes
        watched.
    """
    plan = _planned(dice, crowd, accounts, day, wanted)
    visits = len(plan.person)
    ip, agent = crowd.device(dice, plan.person, plan.country)
    start = start_times(dice, crowd.utc_offset(plan.country))
    login_at, signup_at, purchase_at = _decisions(plan)

    visit = np.repeat(np.arange(visits, dtype=np.int64), plan.length)
    begin = np.cumsum(plan.length) - plan.length
    step = np.arange(wanted, dtype=np.int64) - begin[visit]
    request = _requests(dice, plan, visit, step, access_log=access_log)
    landing, outside = _landings(dice, visits)
    request[begin] = landing
    referrer = _referrers(request, step)
    referrer[begin] = np.where(outside >= 0, outside, inside(_sister(plan.host, crowd.hosts), request[begin]))
    on_site = step > 0
    referrer[on_site] = inside(plan.host[visit[on_site]], referrer[on_site])

    pause = _SHORTEST_PAUSE_MS + (dice.below(wanted, 2**15) * dice.below(wanted, 2**15) * _PAUSE_MS >> 30)
    pause[begin] = 0
    elapsed = np.cumsum(pause)
    elapsed -= elapsed[begin][visit]
    lasts = elapsed[begin + plan.length - 1]
    # A visit lies within its UTC day, so that a day depends on no other.
    when = midnight + (start % (DAY_MS - lasts))[visit] + elapsed

    user = np.where(step >= login_at[visit], accounts.user_id(plan.person)[visit], 0)
    for at, what in ((signup_at, pages.SIGNUP), (login_at, pages.LOGIN)):
        decided = at < _NEVER
        request[begin[decided] + at[decided]] = what
    buys = purchase_at < _NEVER
    bought = plan.person[buys] % len(pages.PURCHASES)
    request[(begin + purchase_at)[buys]] = np.asarray(pages.PURCHASES)[bought]
    accounts.open(plan.person[signup_at < _NEVER])
    events = Events(
        number=(np.uint64(day) << np.uint64(36)) + np.arange(wanted, dtype=np.uint64),
        when=when,
        host=plan.host[visit].astype(np.uint8),
        request=request.astype(np.uint16),
        referrer=referrer.astype(np.uint16),
        ip=ip[visit].astype(np.uint32),
        agent=agent[visit].astype(np.uint32),
        user=user,
        crawler=np.zeros(wanted, dtype=np.bool_),
    )
    return events, Visits(plan.host, ip, agent, plan.country, buys)


def inside(host: Ints, page: Ints) -> Ints:
    """The number, as a referrer, of a page of one of our sites."""
    return np.asarray(len(referrers.OUTSIDE) + host * pages.PAGE_VIEWS + page)


def host_weights(hosts: int) -> tuple[int, ...]:
    """Most traffic goes to the first host; the others share the rest."""
    return (70, *([max(1, 30 // (hosts - 1))] * (hosts - 1))) if hosts > 1 else (1,)


def _planned(dice: Dice, crowd: Crowd, accounts: Accounts, day: int, wanted: int) -> _Plan:
    # The mean length is above 3.8, so a third of `wanted` is more than enough; what is too much is cut off.
    enough = wanted // 3 + 64
    person = crowd.visitors(dice, day, enough)
    member = accounts.has(person)
    kind = np.where(member, dice.pick(enough, _MEMBER), dice.pick(enough, _STRANGER))
    # Nobody signs up twice on a day either: the first such visit counts.
    signs_up = np.flatnonzero((kind >= SIGN_UP) & (kind <= SIGN_UP_AND_BUY))
    _, first = np.unique(person[signs_up], return_index=True)
    again = np.ones(len(signs_up), dtype=np.bool_)
    again[first] = False
    kind[signs_up[again]] = BROWSE
    length = np.asarray([length for length, _ in LENGTHS], dtype=np.int64)[
        dice.pick(enough, [share for _, share in LENGTHS])
    ]
    length += _MORE[kind]
    reached = np.cumsum(length)
    last = int(np.searchsorted(reached, wanted))
    if reached[-1] < wanted:  # pragma: no cover - would take a hundred short visits in a row and nothing else
        raise AssertionError("too few visits were drawn")
    if reached[last] != wanted:
        kind[last] = BROWSE
        length[last] = wanted - (reached[last] - length[last])
    by_weight = lottery(host_weights(crowd.hosts))
    own = dice.chance(enough, _OWN_HOST)
    host = np.where(own, crowd.preferred_host(person, by_weight), by_weight[dice.below(enough, len(by_weight))])
    kept = slice(0, last + 1)
    return _Plan(person[kept], crowd.country(person[kept]), host[kept], kind[kept], length[kept])


def _decisions(plan: _Plan) -> tuple[Ints, Ints, Ints]:
    """Position within its visit of each login, signup and purchase; _NEVER where there is none."""
    signs_up = (plan.kind >= SIGN_UP) & (plan.kind <= SIGN_UP_AND_BUY)
    signup_at = np.where(signs_up, plan.length - _MORE[plan.kind] + 1, _NEVER)
    login_at = np.where(plan.kind >= LOG_IN, 2, np.where(plan.kind >= SIGN_UP_AND_IN, signup_at + 1, _NEVER))
    buys = (plan.kind == SIGN_UP_AND_BUY) | (plan.kind == LOG_IN_AND_BUY)
    return login_at, signup_at, np.where(buys, plan.length - 1, _NEVER)


def _requests(dice: Dice, plan: _Plan, visit: Ints, step: Ints, *, access_log: bool) -> Ints:
    """What is asked for at each step, but for landing pages and what is decided."""
    request = _strolled(dice, len(step), access_log=access_log)
    kind = plan.kind[visit]
    busy = np.flatnonzero(kind != BROWSE)
    kind, step = kind[busy], step[busy]
    left = plan.length[visit[busy]] - step
    # The pages on the way to a decision: the form, and the page of the bootcamp.
    to_form = (kind <= SIGN_UP_AND_BUY) & (left == _MORE[kind])
    request[busy[to_form]] = pages.SIGNUP_PAGE
    request[busy[(kind >= LOG_IN) & (step == 1)]] = pages.LOGIN_PAGE
    before_last = ((kind == SIGN_UP_AND_BUY) | (kind == LOG_IN_AND_BUY)) & (left == 2)
    looks = before_last | ((kind == SIGN_UP_AND_IN) & (left == 1))
    course = plan.person[visit[busy[looks]]] % len(pages.BOOTCAMP_PAGES)
    request[busy[looks]] = np.asarray(pages.BOOTCAMP_PAGES)[course]
    return request


def _strolled(dice: Dice, size: int, *, access_log: bool) -> Ints:
    steps = _LOGGED_STEPS if access_log else _NATIVE_STEPS
    table: list[int] = []
    for requests, share in steps:
        # Pages by their weights, all else evenly; every group fills its share of the table.
        even = [requests[number] for number in lottery(pages.PAGE_WEIGHTS)] if requests == pages.PAGES else requests
        table += [even[at * len(even) // (share * 84)] for at in range(share * 84)]
    return np.asarray(np.asarray(table, dtype=np.int64)[dice.below(size, len(table))])


def _landings(dice: Dice, visits: int) -> tuple[Ints, Ints]:
    """Landing page and outside referrer of each visit; referrer -1 where it is a sister site."""
    origin = dice.pick(visits, [each.weight for each in referrers.ORIGINS])
    choices = np.asarray([len(each.referrers) for each in referrers.ORIGINS], dtype=np.int64)
    first = np.asarray(referrers.FIRST_REFERRER, dtype=np.int64)
    outside = first[origin] + (dice.below(visits, 2**20) * choices[origin] >> 20)
    outside[origin == referrers.INTERNAL] = -1
    page = dice.pick(visits, pages.PAGE_WEIGHTS)
    # Offset from a plain page to the same page with its source's tags.
    tags = [pages.TAGGED[each.tag][0] if each.tag else 0 for each in referrers.ORIGINS]
    tagged = np.where(dice.chance(visits, _TAGGED), np.asarray(tags, dtype=np.int64)[origin], 0)
    return page + tagged, outside


def _referrers(request: Ints, step: Ints) -> Ints:
    """The page before each event: the last that was viewed, since a file or a click changes no page."""
    viewed = np.where(request < pages.PAGE_VIEWS, np.arange(len(request), dtype=np.int64), 0)
    last = np.maximum.accumulate(viewed)
    before = np.concatenate(([0], request[last[:-1]]))
    return np.where(step > 0, before, 0)


def _sister(host: Ints, hosts: int) -> Ints:
    return np.asarray((host + 1) % hosts)
