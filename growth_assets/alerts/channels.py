"""Delivery through Apprise: one channel is one URL, whose secrets never leave this file.

A channel is known by its scheme and a slow digest of its URL. Of what went wrong only an HTTP status or a word of our
own is told: Apprise's messages and exceptions may hold pieces of the URL.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import SecretStr

from growth_assets.alerts.message import Message
from growth_assets.alerts.seen import Level
from growth_assets.settings import Settings

if TYPE_CHECKING:
    from apprise import Apprise, NotifyType

TIMEOUT = 12.0
"""Seconds that a channel may take for one message."""

NOT_UNDERSTOOD = "cannot be used: Apprise does not understand its URL"

_STATUS = re.compile(r"\berror=(\d{3})\b")


@dataclass(frozen=True)
class Channel:
    """Where messages go."""

    name: str
    """Like `slack-1f3a9c`; says nothing of the URL but its scheme."""
    url: SecretStr


def channels(settings: Settings) -> list[Channel]:
    """The channels of a site."""
    return [Channel(_name(url.get_secret_value()), url) for url in settings.channel_urls]


def understood(channel: Channel) -> bool:
    """Whether Apprise knows what to do with a channel's URL."""
    with _silent():
        return _notifier(channel) is not None


def deliver(channel: Channel, message: Message) -> str:
    """Send one message; what went wrong in a few harmless words, empty where it was taken."""
    from apprise import NotifyFormat  # noqa: PLC0415 - most builds tell nobody, and importing it takes time

    with _silent():
        try:
            notifier = _notifier(channel)
            if notifier is None:
                return NOT_UNDERSTOOD
            result = notifier.notify(
                title=message.title, body=message.text, body_format=NotifyFormat.TEXT, notify_type=_type(message),
                timeout=TIMEOUT, log_level=logging.WARNING,
            )  # fmt: skip
        except Exception as error:
            # A service's own code may raise anything, and must neither stop the others nor be quoted.
            return f"ended with {type(error).__name__}"
        if result:
            return ""
        found = [_STATUS.search(entry.message) for entry in result.logs()]
        status = next((each.group(1) for each in found if each), None)
        return f"answered HTTP {status}" if status else "could not be reached, or refused the message"


def _notifier(channel: Channel) -> Apprise | None:
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - see deliver

    asset = AppriseAsset(
        app_id="growth_assets", app_desc="growth_assets", async_mode=False, secure_logging=True, allow_templates=False,
        storage_mode="memory", service_timeout=TIMEOUT,
    )  # fmt: skip
    notifier = Apprise(asset=asset)
    service = Apprise.instantiate(channel.url.get_secret_value(), asset=asset)
    return notifier if service is not None and notifier.add(service) else None


def _type(message: Message) -> NotifyType:
    from apprise import NotifyType  # noqa: PLC0415 - see deliver

    if message.good_news:
        return NotifyType.SUCCESS
    return NotifyType.FAILURE if message.level is Level.ERROR else NotifyType.WARNING


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what Apprise and its HTTP client log away from every handler of this process."""
    ours = logging.getLogger("apprise")
    if _harmless not in ours.filters:
        ours.addFilter(_harmless)
    ours.propagate = False
    client = logging.getLogger("urllib3")
    level = client.level
    client.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        client.setLevel(level)


def _harmless(record: logging.LogRecord) -> bool:
    """Leave of a record of Apprise nothing but the status, as its texts may hold pieces of a URL."""
    status = _STATUS.search(record.getMessage())
    record.msg, record.args = status.group(0) if status else "a message was not delivered", None
    record.exc_info = record.exc_text = record.stack_info = None
    return record.levelno >= logging.WARNING


def _name(url: str) -> str:
    # What stands before "://" may be any piece of a secret, where a URL with a blank in it was torn at the blank.
    from apprise.manager_plugins import NotificationManager  # noqa: PLC0415 - see deliver

    scheme, separator, _ = url.partition("://")
    services = NotificationManager()  # type: ignore[no-untyped-call]
    known = separator and scheme.lower() in services
    return f"{scheme.lower() if known else 'unknown'}-{_slow_digest(url)}"


@lru_cache(maxsize=32)
def _slow_digest(url: str) -> str:
    # The name is shown: it must not let anyone try passwords by the million.
    return hashlib.scrypt(url.encode(), salt=b"growth_assets alerts", n=2**14, r=8, p=1).hex()[:6]
