"""Events of trackers, in the words of one tracker each.

The tracker's own name of an event becomes `event_name`, which the action rules bring to an action, and stays visible
in other_properties as `event`. Its own id of the visitor is `anonymous_id` there, and country and brand that it found
out are `geo_country` and `device_brand`. A user_id that is no whole number of BIGINT is kept there too, as text: such
ids are usual among trackers, and rows are not put aside for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from growth_assets.contracts.columns import ANONYMOUS_ID, DEVICE_BRAND, GEO_COUNTRY
from growth_assets.sources import moments
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Object
from growth_assets.sources.moments import Moment
from growth_assets.sources.native import Row, row
from growth_assets.sources.reasons import Reason
from growth_assets.sources.said import Leaf, Said, leaves

Names = tuple[str, ...]
"""Dotted names; the first that says something counts."""

_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_BIGINT = range(-(2**63), 2**63)
_HOST = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://(?:[^/?#@]*@)?([^/?#@]+)")


def first_of(*names: str) -> Callable[[Said], str | None]:
    """The event's name is what stands under the first of `names`."""
    return lambda said: said.take(names)


def iso_utc(text: str, utc_offset: str | None) -> Moment | Reason:  # noqa: ARG001 - the tracker's times are UTC
    """A date and time of a tracker that writes UTC without saying so."""
    return moments.iso(text, "+00:00")


@dataclass(frozen=True)
class Tracker:
    """Where a tracker says what."""

    time: Names
    name: Callable[[Said], str | None]
    """Takes the event's name."""
    moment: Callable[[str, str | None], Moment | Reason] = moments.iso
    event_id: Names = ()
    hostname: Names = ()
    """Of the host, where the URL names none."""
    url: Names = ()
    referrer: Names = ()
    ip: Names = ()
    user_agent: Names = ()
    user_id: Names = ()
    anonymous_id: Names = ()
    country: Names = ()
    """Of the country's code, or its English name."""
    brand: Names = ()
    url_parts: Names = ()
    """Parts of URL or referrer; left out where they stand in one of them."""
    bags: Names = ()
    """Objects at the top whose keys go to other_properties under their own names."""
    opened: Callable[[Object], Object] = field(default=lambda record: record)
    """Brings a record to plain keys and values before it is read."""

    def leaves(self, record: Object) -> list[Leaf]:
        """All that a record says, in its order."""
        return leaves(self.opened(record), self.bags)

    def event(self, found: list[Leaf], context: Context, line_number: int) -> Row | Reason:
        """The event that says so."""
        said = Said(found, self.bags)
        time = said.take(self.time)
        if time is None:
            return Reason.NO_TIME
        moment = self.moment(time, context.utc_offset)
        if isinstance(moment, Reason):
            return moment
        name = self.name(said)
        url, referrer = said.take(self.url), said.take(self.referrer)
        host = _HOST.match(url) if url else None
        values = {
            "event_id": said.take(self.event_id),
            "hostname": host[1] if host else said.look(self.hostname) or context.default_hostname,
            "event_name": name,
            "url": url,
            "referrer": referrer,
            "ip": said.take(self.ip),
            "user_agent": said.take(self.user_agent),
        }
        said.put("event", name)
        user = said.take(self.user_id)
        if user is not None:
            if _WHOLE.fullmatch(user) and int(user) in _BIGINT:
                values["user_id"] = user
            else:
                said.put("user_id", user)
        said.put(ANONYMOUS_ID, said.take(self.anonymous_id))
        said.put(GEO_COUNTRY, said.take(self.country))
        said.put(DEVICE_BRAND, said.take(self.brand))
        whole = " ".join(filter(None, (url, referrer)))
        if whole and self.url_parts:
            said.drop(self.url_parts, whole)
        told = {text for text in (values["ip"], values["user_agent"], url, referrer) if text}
        return row(values, moment, said.rest(told), line_number)
