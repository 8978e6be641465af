"""Who comes to the worlds' sites, and what the tables must say of them: small tables written by hand."""

from __future__ import annotations

HOSTNAMES = ("www.xx.com", "www.xxx.com")
HOSTS = (*HOSTNAMES, *HOSTNAMES, "shop.xx.com", "WWW.XX.com:443", "www.xx.com.")
BAD_HOSTS = ("localhost", "bad host.com", "-x.com", "10.0.0.1", "www.xx.c", "www..com")

COUNTRIES = {
    "8.8.8.8": "US",
    "81.2.69.142": "GB",
    "217.160.0.1": "DE",
    "2001:4860:4860::8888": "US",
    "192.168.0.1": "ZZ",
    "203.0.113.9": "ZZ",
}
"""Address to country; private and documentation addresses have none."""

CHAINS = (
    ("10.0.0.1", "8.8.8.8"),
    ("127.0.0.1", "1.1.1.1, 81.2.69.142, 10.0.0.3"),
    ("::1", "2001:4860:4860::8888"),
    ("fd00::7", "2001:4860:4860:0:0:0:0:8888, 10.0.0.2"),
    ("198.51.100.7", "217.160.0.1"),
    ("8.8.8.8", "81.2.69.142"),
    ("10.0.0.1", "203.0.113.9, unknown"),
    ("192.168.0.1", "10.0.0.9, 10.0.0.8"),
)
"""Who connected, and what was passed on; 198.51.100.7 is a proxy of some worlds."""

TRACKED = {
    "page": "page_view", "pageview": "page_view", "Signed Up": "signup", "Order Completed": "purchase",
    "Newsletter": "custom_event",
}  # fmt: skip
"""Names of tracked events and their actions."""

AGENTS = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Mobile/15E148 Safari/604.1": ("Apple", False),
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
    "Mobile Safari/537.36": ("Samsung", False),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36": (
        "unknown",
        False,
    ),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": ("Spider", True),
    # As IIS shows it, where a plus sign is a space.
    "Mozilla/5.0 (compatible; Googlebot/2.1;  http://www.google.com/bot.html)": ("Spider", True),
    "-": ("unknown", True),
}
"""User agent to brand and whether it is a bot; none at all is nobody's brand and no bot."""

REFERRERS: dict[str | None, tuple[str | None, str]] = {
    None: (None, "direct"),
    "https://www.linkedin.com/feed/": ("linkedin.com", "LinkedIn"),
    "https://author.substack.com/p/1": ("substack.com", "Substack"),
    "https://www.xx.com/about": ("xx.com", "internal"),
    "https://blog.nobody-knows.org/x": ("nobody-knows.org", "other"),
}
"""Referrer to its registrable domain and named source."""

ACTIONS = ("page_view", "page_view", "page_view", "signup", "purchase", "login", "watch_video", " Signup", "PAGE_VIEW")
BAD_ACTIONS = ("teleport", "page view", "signup!")
BAD_USERS = ("12abc", "99999999999999999999", "1.5", "none")
