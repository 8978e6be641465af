"""The order of arrival changes nothing: any order, any split into looks, gives the same published bytes."""

from __future__ import annotations

import shutil
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DAYS = ("2026-03-01", "2026-03-02")


@st.composite
def worlds(draw):
    """Files of events that share events, days and instants; and two ways of landing them."""
    instants = st.sampled_from(["00:00:00Z", "23:59:59Z", "12:00:00.5Z", "12:00:00.500001Z"])
    said = st.fixed_dictionaries(
        {
            "event_time": st.builds("{}T{}".format, st.sampled_from(DAYS), instants),
            "ip": st.sampled_from(["81.2.69.160", "10.0.0.1"]),
            "action_type": st.sampled_from(["page_view", "signup", "purchase"]),
            "hostname": st.sampled_from(["www.xx.com", "www.xxx.com"]),
        },
        optional={
            "event_id": st.sampled_from(["e1", "e2", "e3"]),
            "user_id": st.sampled_from(["1", "2"]),
            "url": st.sampled_from(["/", "/bootcamp?utm_source=substack"]),
            "color": st.sampled_from(["red", "green"]),
        },
    )
    files = draw(st.lists(st.lists(said, min_size=1, max_size=6), min_size=2, max_size=4, unique_by=repr))
    if draw(st.booleans()):
        # An older copy of a file that grew.
        files.append(files[0][: draw(st.integers(1, len(files[0])))])
    names = [f"{number}.ndjson" for number in range(len(files))]

    def way():
        order = draw(st.permutations(range(len(files))))
        cuts = sorted(draw(st.sets(st.integers(1, len(files) - 1), max_size=len(files) - 1)))
        return [order[a:b] for a, b in pairwise([0, *cuts, len(files)])], draw(st.permutations(names))

    return files, way(), way()


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds())
def test_any_order_of_arrival_gives_the_same_bytes(new_site, write, world):
    files, *ways = world
    contents = [b"".join(write.event(0, **event) for event in file) for file in files]
    published = []
    for looks, names in ways:
        site = new_site()
        for look in looks:
            for number in look:
                site.put(names[number], contents[number])
            site.land()
        alone = {a for a in contents if not any(b.startswith(a) and b != a for b in contents)}
        assert len(site.raw()) == sum(content.count(b"\n") for content in alone)
        site.build()
        published.append(site.hashes())
        shutil.rmtree(site.folder)
    assert published[0] == published[1]


@pytest.mark.parametrize("build_between", [False, True])
def test_a_day_built_after_each_look_is_the_day_built_once(site, new_site, write, build_between):
    parts = [write.log_lines(range(n, n + 40), ds) for n, ds in ((0, DAYS[0]), (20, DAYS[1]), (30, DAYS[0]))]
    for number, part in enumerate(parts):
        site.put(f"{number}.log", part)
        site.land()
        if build_between:
            site.build()
    site.build()
    other = new_site()
    for number, part in enumerate(reversed(parts)):
        other.put(f"z{number}.log", part)
    other.land()
    other.build()
    assert site.hashes() == other.hashes()
    assert len(site.rows("core.fct_website_events")) == 120
