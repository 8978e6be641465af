"""What it means, in plain words, when a rule does not hold, and what to do then. A new check is one line here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """What a reader of an alert wants to know first."""

    means: str
    remedy: str


_ROWS = "Open the link: its numbers say how many rows, and its `sql` shows them."

_LOOK_AT_SITE = "Look at the site first (deploys, forms, tracking), then whether all of its logs have landed."

_CODE = "This is never the data's fault: open the link, and build the day again; if it stays, report it as a defect."

WORDS: dict[str, Words] = {
    "guardrail": Words(
        "A rate that the business lives on has fallen below what the same weekdays of the last weeks let expect.",
        "Try it on the site yourself, with the form and the payment; look at what was deployed before that day.",
    ),
    "volume_week_over_week": Words(
        "A host has far fewer or far more events than the same weekdays of the last weeks let expect.", _LOOK_AT_SITE
    ),
    "event_hour_shape": Words(
        "Events are spread over the day in another way than usual: hours may be missing, or a clock wrong.",
        "Look for hours without events, for a file that did not land, and for a server whose clock or offset changed.",
    ),
    "usual_shares": Words(
        "Robots, or visitors without a known country or device, are another share of the traffic than usual.",
        "Look whether addresses and user agents are logged as before (a new proxy, CDN or app?), and at "
        "`trusted_proxies`; robots are left out of people's numbers.",
    ),
    "freshness": Words(
        "The table was not built in time: its newest numbers are older than they should be.",
        "See whether the daemon runs, whether logs still land, and whether its newest runs failed.",
    ),
    "due_day_is_there": Words(
        "A day that has to be there by now is not, or the evening of the newest one is missing.",
        "See whether logs still land, whether the daemon runs, and whether the newest runs failed. List a day that had "
        "no visitors in `days_off`; one that never comes is asked for four weeks.",
    ),
    "run": Words(
        "A run failed: what it was to build is not built, and what was published before stays.",
        "Open the link for the reason. The landing sensor tries days again by itself, at most three times; then build "
        "them by hand.",
    ),
    "history": Words(
        "Days of the past were built or judged again, and some did not keep their rules. This is one message for all.",
        "The checks' pages show each day.",
    ),
    "alerts_readable": Words(
        "A file of ops.alerts was damaged: what it told is no longer among the alerts. New ones go on.",
        "Bring the file back from a backup in the place of the one put aside, if you need it; look at the disk.",
    ),
    "conservation": Words("Rows were lost or came from nowhere on the way through this table.", _CODE),
    "agreement": Words("Numbers of this table are not those of the events that it is made from.", _CODE),
    "contract": Words("Some rows or the table as a whole broke a rule of the table's contract.", _ROWS),
    "lines_conserved": Words(
        "Lines of a file are lost: those read are not those kept as events or as rejected lines.",
        "Run `growth-assets doctor`: it names the file and the remedy.",
    ),
    "out_of_range_conserved": Words("Events outside of the days that are built could not all be put aside.", _CODE),
    "files_readable": Words(
        "A file in landing could not be read, so its events are missing.",
        "Run `growth-assets doctor FILE` for the reason; bring the file again, or take it away.",
    ),
    "lines_mostly_read": Words(
        "Most lines of a file could not be read: it may be taken for another format than it is.",
        "Run `growth-assets doctor FILE`, set `format` in its [[sources]], then run `growth-assets replay`.",
    ),
    "dim_action_type_enumerated": Words(
        "Events name an action that `actions` in site.toml does not list; they are put aside.",
        "Add the action there, or an action rule that brings it to one of the list, and run `growth-assets replay`.",
    ),
    "dim_hostname_well_formed": Words(
        "Events name a host that is none; they are put aside.", f"Set `hostname` for logs without a host. {_ROWS}"
    ),
    "key_unique": Words("Two events have the same key, so counts of events would be too high.", _CODE),
    "overall_rollup_has_most": Words("A group has more events than the whole day.", _CODE),
    "m_total_events_above_minimum": Words(
        "The day has fewer events than `min_total_events`.", "See whether all logs of the day have landed."
    ),
}
"""Name of a check to its words."""


def words(check: str) -> Words:
    """The words of a check; of one that has none of its own, what is true of all."""
    if check in WORDS:
        return WORDS[check]
    if check.startswith("not_null_"):
        return Words(f"Events lack {check.removeprefix('not_null_')}; they are put aside.", _ROWS)
    return Words("A rule of this table did not hold.", _ROWS)
