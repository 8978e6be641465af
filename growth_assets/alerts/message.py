"""An alert in words: title and text, for people who do not have the tables before them.

What came from the web, such as host names, file names and samples, is shown without anything that a mail program, a
chat or a terminal would take for its own: markup, mentions, links with a scheme, line ends, marks of direction. A bare
host name stays as it is, so that it can be read and copied; some programs make a link of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from growth_assets.alerts.alert import TOGETHER, Alert, counted, span
from growth_assets.alerts.incidents import CALM_DAYS
from growth_assets.alerts.seen import DUE_DAY, FRESHNESS, MANY_HOSTS, RUN, SINGLY, Level
from growth_assets.alerts.words import words

LONGEST = 200
"""Characters of one value."""

LONGEST_TEXT = 1_500
"""Characters of what a check says."""

SHOWN_NUMBERS = 12

BLOCKED = "What it would have built is not published; what was published before stays."

_HARMLESS = str.maketrans(
    {
        "<": "\u2039", ">": "\u203a", "&": "\uff06", "@": "\uff20", "*": "\uff0a", "~": "\uff5e", "|": "\uff5c",
        "`": "\u02cb", "[": "\uff3b", "]": "\uff3d", "#": "\uff03",
    }
)  # fmt: skip
"""Characters that are markup or a mention somewhere, each as one that looks like it."""

_LINKED = re.compile(r"\b(mailto|javascript|vbscript|data|file|tel|sms):(?=\S)", re.IGNORECASE)
"""What a program makes a link of though no `://` is there."""


@dataclass(frozen=True)
class Message:
    """What a channel delivers."""

    title: str
    text: str
    link: str
    level: Level
    good_news: bool


def shown(text: str, longest: int = LONGEST) -> str:
    """Text from the web, made harmless."""
    if len(text) > longest:
        text = text[: longest - 1] + "\u2026"
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    text = text.translate(_HARMLESS).replace("://", ":\u2215\u2215")
    return _LINKED.sub("\\1\ua789", text)


def message(alert: Alert, base_url: str) -> Message:
    """The words of an alert; `base_url` is where Dagster's pages are."""
    link = _link(alert, base_url)
    return Message(_title(alert), _text(alert, link), link, alert.level, good_news=alert.kind == "recovered")


def _title(alert: Alert) -> str:
    what = f"{shown(alert.key[0])}: {alert.check}"
    host = f" on {shown(alert.host)}" if alert.host else ""
    if alert.kind == "recovered":
        return f"[recovered] {what}{host}"
    if alert.kind == "history":
        days = counted(int(alert.numbers["bad_days"]), "day")
        return f"[history] {days} of the past did not keep the rules"
    news = {"worsened": "now ", "reopened": "again "}.get(alert.kind, "")
    return f"[{news}{alert.level.name}] {what}{host}, since {alert.first_bad_day}"


def _text(alert: Alert, link: str) -> str:
    told = words(alert.check)
    lines: list[str] = []
    if alert.kind == "recovered":
        lines += [
            f"Over: {_what_passes(alert)}. It did not hold {span(alert.first_bad_day, alert.last_bad_day)}.",
            f"It was: {told.means}",
        ]
    else:
        lines.append(told.means)
    if alert.blocks and alert.kind != "recovered":
        lines.append(f"The day {alert.ds} is not published; what was published before stays." if alert.ds else BLOCKED)
    if alert.kind == "worsened":
        lines.append(f"It was a warning and is an error now, on {alert.ds or alert.last_bad_day}.")
    if alert.kind == "reopened":
        lines.append(
            f"It was over, and is back on {alert.ds}. It is told as over when {CALM_DAYS} days have passed without it."
        )
    others = f"; other tables of {shown(alert.key[0])} are told with it" if alert.check in TOGETHER else ""
    lines += [f"First bad day: {alert.first_bad_day}", f"Table: {shown(alert.table)}{others}"]
    says = "\n".join(shown(line, LONGEST_TEXT) for line in alert.says[:LONGEST_TEXT].splitlines())
    if alert.kind == "history":
        lines += [f"Bad days {span(alert.first_bad_day, alert.last_bad_day)}:", says]
    else:
        lines.append(f"Rule: {alert.check}" + (f", {says}" if says else ""))
    if alert.host:
        lines.append(f"Host: {shown(alert.host)}")
    if alert.numbers and alert.kind != "history":
        numbers = [f"{shown(name)} = {shown(value)}" for name, value in list(alert.numbers.items())[:SHOWN_NUMBERS]]
        lines.append(f"Numbers{f' of {alert.ds}' if alert.ds else ''}: {', '.join(numbers)}")
    if alert.kind != "recovered":
        lines.append(f"What to do: {_urgency(alert)}{told.remedy}")
    return "\n".join([*lines, f"See: {link}"])


def _urgency(alert: Alert) -> str:
    if alert.kind != "history":
        return ""
    return "Nothing is urgent. " if alert.level is Level.WARN else "Mend what is an ERROR, and build those days again. "


def _what_passes(alert: Alert) -> str:
    if alert.check == RUN:
        return "a later run ended well"
    if alert.check == FRESHNESS:
        return "every table is fresh again"
    if alert.check == DUE_DAY:
        return f"of the four weeks to {alert.ds} no day is missing"
    if alert.host == MANY_HOSTS:
        return f"on {alert.ds} no more than {SINGLY} hosts break the rule, and those have messages of their own"
    return f"the newest day, {alert.ds}, passes again" if alert.ds else "the newest evaluation passes"


def _link(alert: Alert, base_url: str) -> str:
    base = base_url.rstrip("/")
    if alert.kind == "notice":
        return base
    if alert.check in {RUN, "history"}:
        return f"{base}/runs/{quote(alert.run_id, safe='')}" if alert.run_id else f"{base}/runs"
    asset = f"{base}/assets/{'/'.join(quote(part, safe='') for part in alert.table.split('.'))}"
    if alert.check == FRESHNESS:
        return f"{asset}?view=overview"
    return f"{asset}?view=checks&checkDetail={quote(alert.check, safe='')}"
