"""Referrers, campaign tags, named sources: cases by hand, and the lists that others keep."""

from __future__ import annotations

from urllib.parse import urlsplit

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.enrich.domains import registrable_domains
from growth_assets.enrich.referrer import named_sources, referrer_hosts, utm_sources
from growth_assets.enrich.source_rules import (
    SourceRulesError,
    read_source_rules,
    source_channels,
    source_rules,
)

STRINGS = pl.String()


def strings(*values: str | None) -> pl.Series:
    return pl.Series("given", list(values), dtype=STRINGS)


HOSTS = {
    "plain": ("https://example.com/a?b#c", "example.com"),
    "upper case": ("HTTPS://WWW.Example.COM/", "www.example.com"),
    "port": ("http://example.com:8080/", "example.com"),
    "empty port": ("http://example.com:/", "example.com"),
    "user part": ("https://linkedin.com@evil.example/", "evil.example"),
    "user and password": ("https://u:p@example.com:1/", "example.com"),
    "at sign in the path": ("https://example.com/@linkedin.com", "example.com"),
    "at sign in the query": ("https://example.com?x=@linkedin.com", "example.com"),
    "slashes in the query": ("https://example.com?u=//linkedin.com/", "example.com"),
    "trailing dot": ("https://example.com./", "example.com"),
    "no scheme": ("//example.com/x", "example.com"),
    "bare host": ("example.com", "example.com"),
    "bare host and path": ("example.com/a//b", "example.com"),
    "android app": ("android-app://com.linkedin.android/", "com.linkedin.android"),
    "android app with page": ("android-app://com.Slack/https/x.com/", "com.slack"),
    "punycode": ("https://xn--e1afmkfd.xn--p1ai/", "xn--e1afmkfd.xn--p1ai"),
    "international": (
        "https://\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444/\u043f/x",
        "xn--e1afmkfd.xn--p1ai",
    ),
    "international and bare": ("b\u00fccher.de/x", "xn--bcher-kva.de"),
    "IPv4": ("http://192.0.2.7:80/", "192.0.2.7"),
    "IPv6": ("http://[2001:DB8::1]:80/", "[2001:db8::1]"),
    "single label": ("http://localhost:3000/", "localhost"),
    "blanks around": ("  https://example.com \t", "example.com"),
    "long path": ("https://example.com/" + "x" * 100_000, "example.com"),
    "null byte in the path": ("https://example.com/\0", "example.com"),
    "null byte in the host": ("https://exa\0mple.com/", None),
    "blank in the host": ("https://exa mple.com/", None),
    "markup": ("https://<script>.com/", None),
    "percent in the host": ("https://ex%61mple.com/", None),
    "empty label": ("https://a..b/", None),
    "too long": ("https://" + "a." * 200 + "com/", None),
    "label too long": ("https://" + "a" * 64 + ".com/", None),
    "very long": ("x" * 1_000_000, None),
    "no host": ("https:///path", None),
    "path": ("/page", None),
    "path with slashes": ("/a//b.com/", None),
    "one slash": ("http:/example.com/", None),
    "about": ("about:blank", None),
    "mail address": ("mailto:somebody@example.com", None),
    "script": ("javascript:alert(1)", None),
    "data": ("data:text/html,example.com", None),
    "file": ("file:///etc/passwd.d", None),
    "dash": ("-", None),
    "empty": ("", None),
    "null": (None, None),
}


@pytest.mark.parametrize(("referrer", "host"), HOSTS.values(), ids=HOSTS.keys())
def test_host_of_a_referrer(referrer, host):
    assert referrer_hosts(strings(referrer)).to_list() == [host]


def test_length_order_and_name_are_kept():
    every = [referrer for referrer, _ in HOSTS.values()] * 3
    found = referrer_hosts(strings(*every))
    assert found.to_list() == [host for _, host in HOSTS.values()] * 3
    assert found.name == "given"
    assert found.dtype == pl.String
    assert referrer_hosts(strings()).len() == 0
    assert referrer_hosts(pl.Series("given", [None, None])).to_list() == [None, None]


NAMES = st.from_regex(r"[A-Za-z0-9]{1,8}(\.[a-z]{2,5}){1,3}", fullmatch=True)


@settings(max_examples=60, deadline=None)
@given(NAMES, st.integers(1, 65535), st.text(st.characters(exclude_characters="\\", codec="utf-8"), max_size=20))
def test_agrees_with_the_standard_library_on_well_formed_urls(name, port, rest):
    url = f"https://{name}:{port}/{rest}"
    assert referrer_hosts(strings(url)).to_list() == [urlsplit(f"https://{name}:{port}/").hostname]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=8))
def test_any_text_is_survived(texts):
    hosts = referrer_hosts(strings(*texts))
    tags = utm_sources(strings(*texts))
    named = named_sources(hosts, tags, strings(*[None] * len(texts)))
    assert hosts.len() == tags.len() == named.len() == len(texts)
    assert named.null_count() == 0
    assert all(tag is None or 0 < len(tag) <= 100 for tag in tags)
    assert registrable_domains(hosts).is_null().to_list() == hosts.is_null().to_list()


DOMAINS = {
    "author.substack.com": "substack.com",
    "substack.com": "substack.com",
    "www.google.co.uk": "google.co.uk",
    "a.b.example.com": "example.com",
    "one.github.io": "one.github.io",
    "x.one.github.io": "one.github.io",
    "github.io": "github.io",
    "co.uk": "co.uk",
    "localhost": "localhost",
    "192.0.2.7": "192.0.2.7",
    "[2001:db8::1]": "[2001:db8::1]",
    "www.xn--e1afmkfd.xn--p1ai": "xn--e1afmkfd.xn--p1ai",
    None: None,
}


def test_registrable_domain():
    assert registrable_domains(strings(*DOMAINS)).to_list() == list(DOMAINS.values())


TAGS = {
    "plain": ("https://x.com/?utm_source=linkedin", "linkedin"),
    "case": ("/?a=1&utm_source=LinkedIn&b=2", "linkedin"),
    "escaped ampersand": ("/?a=1&amp;utm_source=lnkd", "lnkd"),
    "percent": ("/?utm_source=my%20news+letter", "my news letter"),
    "not UTF-8": ("/?utm_source=a%FFb", "a\ufffdb"),
    "control characters": ("/?utm_source=a%00%0Ab", "ab"),
    "first of two": ("/?utm_source=one&utm_source=two", "one"),
    "bounded": ("/?utm_source=" + "z" * 1000, "z" * 100),
    "empty": ("/?utm_source=&x=1", None),
    "blank": ("/?utm_source=%20", None),
    "in the fragment": ("/#?utm_source=x", None),
    "after the fragment": ("/?a=b#&utm_source=x", None),
    "in the path": ("/utm_source=x", None),
    "another key": ("/?xutm_source=x", None),
    "none": ("/", None),
    "null": (None, None),
}


@pytest.mark.parametrize(("url", "tag"), TAGS.values(), ids=TAGS.keys())
def test_tag_of_a_url(url, tag):
    assert utm_sources(strings(url)).to_list() == [tag]


def source(referrer: str | None, tag: str | None = None, host: str | None = "www.our.com") -> str:
    hosts = referrer_hosts(strings(referrer))
    return named_sources(hosts, strings(tag), strings(host), ["our.com", "www.our.org", "us.github.io"]).item()


LINKEDIN = [
    "https://www.linkedin.com/", "https://de.linkedin.com/in/somebody", "https://lnkd.in/abc", "http://linkedin.com",
    "android-app://com.linkedin.android/", "https://www.linkedin.com:443/feed/?x=1", "HTTPS://WWW.LINKEDIN.COM./",
]  # fmt: skip
SUBSTACK = [
    "https://substack.com/", "https://author.substack.com/p/post", "https://open.substack.com/pub/author/p/post",
    "https://email.mg2.substack.com/c/abc", "https://www.substack.com/@author", "android-app://com.substack.app/",
]  # fmt: skip


@pytest.mark.parametrize("referrer", LINKEDIN)
def test_linkedin(referrer):
    assert source(referrer) == "LinkedIn"


@pytest.mark.parametrize("referrer", SUBSTACK)
def test_substack(referrer):
    assert source(referrer) == "Substack"


SOURCES = {
    "nothing": (None, None, "direct"),
    "tag before referrer": ("https://www.google.com/", "linkedin", "LinkedIn"),
    "tag before our own referrer": ("https://www.our.com/", "substack", "Substack"),
    "tag alone": (None, "lnkd", "LinkedIn"),
    "tag that is a host": (None, "chatgpt.com", "ChatGPT"),
    "tag that is a host of a source": (None, "www.linkedin.com", "LinkedIn"),
    "unknown tag alone": (None, "spring-sale", "other"),
    "unknown tag, known referrer": ("https://author.substack.com/", "spring-sale", "Substack"),
    "unknown tag, our own referrer": ("https://our.com/", "spring-sale", "internal"),
    "newsletter": (None, "newsletter", "Newsletter"),
    "unknown referrer": ("https://blog.example.net/", None, "other"),
    "own host": ("https://www.our.com/a", None, "internal"),
    "own domain, other host": ("https://shop.our.com/a", None, "internal"),
    "another site of ours": ("https://our.org/a", None, "internal"),
    "our page at a shared host": ("https://us.github.io/", None, "internal"),
    "a neighbour at a shared host": ("https://them.github.io/", None, "other"),
    "ends like our domain": ("https://notour.com/", None, "other"),
    "our domain in front": ("https://our.com.evil.example/", None, "other"),
    "linkedin in front": ("https://linkedin.com.evil.example/", None, "other"),
    "linkedin in the middle": ("https://notlinkedin.com/", None, "other"),
    "search in another country": ("https://www.google.co.uk/", None, "Google"),
    "a blog called google": ("https://google.blogspot.com/", None, "other"),
    "most specific host": ("https://mail.google.com/", None, "Gmail"),
    "assistant under a search engine": ("https://gemini.google.com/app", None, "Gemini"),
    "redirect": ("https://out.reddit.com/x", None, "Reddit"),
    "short link": ("https://t.co/x", None, "X"),
    "ends like a short link": ("https://not.co/x", None, "other"),
    "Instagram's redirect": ("https://l.instagram.com/", None, "Instagram"),
}


@pytest.mark.parametrize(("referrer", "tag", "name"), SOURCES.values(), ids=SOURCES.keys())
def test_named_source(referrer, tag, name):
    assert source(referrer, tag) == name


def test_without_own_hosts_nothing_is_internal():
    assert named_sources(strings("www.our.com", None), strings(None, None), strings(None, "our.com")).to_list() == [
        "other",
        "direct",
    ]


def test_the_host_of_the_event_counts_row_by_row():
    hosts = strings("a.com", "a.com", "b.com")
    own = strings("www.a.com", "www.b.com", "b.com")
    assert named_sources(hosts, strings(None, None, None), own).to_list() == ["internal", "other", "internal"]


def test_rules_of_the_package():
    rules = source_rules()
    assert set(rules.hosts.values()) | set(rules.labels.values()) | set(rules.utm.values()) == set(rules.channels)
    assert source_channels()["LinkedIn"] == "social"
    assert source_channels()["Substack"] == "newsletter"
    assert source_channels()["direct"] == "direct"


BAD_RULES = {
    "name twice": '[[source]]\nname="A"\nchannel="mail"\n[[source]]\nname="A"\nchannel="mail"',
    "reserved name": '[[source]]\nname="direct"\nchannel="mail"',
    "no name": '[[source]]\nchannel="mail"',
    "unknown channel": '[[source]]\nname="A"\nchannel="post"',
    "unknown key": '[[source]]\nname="A"\nchannel="mail"\nhost=["a.com"]',
    "host twice": '[[source]]\nname="A"\nchannel="mail"\nhosts=["a.com","a.com"]',
    "upper case": '[[source]]\nname="A"\nchannel="mail"\nhosts=["A.com"]',
    "address with path": '[[source]]\nname="A"\nchannel="mail"\nhosts=["a.com/x"]',
    "tag in upper case": '[[source]]\nname="A"\nchannel="mail"\nutm=["News"]',
    "label with a dot": '[[source]]\nname="A"\nchannel="mail"\nlabels=["a.b"]',
    "no TOML": "[[source",
}


@pytest.mark.parametrize("text", BAD_RULES.values(), ids=BAD_RULES.keys())
def test_wrong_rules_are_refused_by_name(tmp_path, text):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(SourceRulesError, match=r"rules\.toml"):
        read_source_rules(path)


OUR_NAME = {
    "Twitter": "X", "reddit": "Reddit", "tumblr": "Tumblr", "Vkontakte": "VK", "Deepseek": "DeepSeek",
    "StackOverflow": "Stack Overflow", "Le Chat": "Mistral", "You": "You.com", "Brave": "Brave Search",
    "StartPage": "Startpage", "Yahoo!": "Yahoo", "Bing Images": "Bing", "Google Images": "Google",
    "Yandex Images": "Yandex",
}  # fmt: skip
# Partners that serve another engine's results under their own name are that list's view, not ours.
NOT_THEIRS = {"Google", "Yahoo!", "StartPage"}
# Redirects to news.google.com nowadays.
NOT_NOW = {"news.google.{}"}
COUNTRIES = ("de", "fr", "co.uk", "com.br")


def listed(folder) -> list[tuple[str, str]]:
    """(host, our name) of every host in the lists under a source that we name; those with a path left out."""
    pairs: list[tuple[str, str]] = []
    for path in sorted(folder.glob("*.yml")):
        for theirs, entries in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            ours = OUR_NAME.get(theirs, theirs)
            if ours not in source_channels():
                continue
            hosts = [url for entry in entries for url in (entry["urls"] if isinstance(entry, dict) else [entry])]
            for host in hosts:
                brand = ours.lower()
                if (
                    "/" in host
                    or host in NOT_NOW
                    or (theirs in NOT_THEIRS and not host.removeprefix("www.").startswith(brand + "."))
                ):
                    continue
                if host.startswith("{}."):
                    pairs.append((f"de{host[2:]}", ours))
                elif host.endswith(".{}"):
                    pairs.extend((host[:-2] + suffix, ours) for suffix in COUNTRIES)
                elif "{}" not in host:
                    pairs.append((host, ours))
    return pairs


def test_hosts_of_the_public_lists(shared):
    pairs = listed(shared / "oracles" / "referrers")
    assert len(pairs) > 150
    hosts = strings(*(host for host, _ in pairs))
    nothing = strings(*[None] * len(pairs))
    found = named_sources(hosts, nothing, nothing)
    wrong = [(host, ours, name) for (host, ours), name in zip(pairs, found, strict=True) if ours != name]
    assert wrong == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=12), st.text(".a-[]:", max_size=8)), max_size=6))
def test_event_hosts_of_any_kind_are_survived(texts):
    nothing = strings(*[None] * len(texts))
    named = named_sources(strings(*["linkedin.com"] * len(texts)), nothing, strings(*texts))
    assert set(named) <= {"LinkedIn"}
    assert registrable_domains(strings(*texts)).null_count() == 0
