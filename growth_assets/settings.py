"""Typed settings from `site.toml` and `GROWTH_*` variables; the only reader of the environment.

Every wrong value is named with its file and key. A variable overrides the file: `GROWTH_SALT` sets `salt`.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import sys
import tomllib
from functools import cached_property
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pydantic_settings
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from growth_assets import places
from growth_assets.log_format.notation import layout_of
from growth_assets.places import Place

SITE_FILE = "site.toml"

PREFIX = "GROWTH_"
"""Of the variables that set or override a setting."""

HOSTNAME = r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$"
"""A host name with at least two labels, lower case, like www.xx.com; no port, no address."""

CLOCK = r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"
"""A time of day, like 06:00."""

NAME = r"^[a-z][a-z0-9_]{0,62}$"
"""A name of an action or a source: lower case, digits and underscores."""

OWNER = r"^(?:team:[A-Za-z0-9_-]+|[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+)$"
"""A team like team:growth, or an e-mail address."""

ActionName = Annotated[str, Field(pattern=NAME)]
Hostname = Annotated[str, Field(pattern=HOSTNAME)]


class SettingsError(Exception):
    """A setting is wrong. The message names the file, the key, what was found and what is expected."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Which files of the landing folder belong together, and what cannot be seen in the files themselves."""

    name: Annotated[str, Field(pattern=NAME)]
    files: str = "**/*"
    """Glob below `landing/`. A file belongs to the first source whose glob matches."""
    format: Literal[
        "auto", "ndjson", "csv", "parquet", "combined", "vhost_combined", "common", "log_format",
        "alb", "elb", "cloudfront", "s3_access", "iis", "haproxy",
        "nginx_json", "caddy", "traefik", "segment", "snowplow", "ga4", "posthog", "plausible",
    ] = "auto"  # fmt: skip
    log_format: str | None = None
    """The `LogFormat` of Apache or `log_format` of nginx that writes the files; makes `format` "log_format"."""
    hostname: Hostname | None = None
    """Host of events that do not name one; default: the first of `hostnames`."""
    encoding: str = "utf-8"
    """Encoding of text files. Bytes that do not fit it are kept, visibly, as \\xNN."""
    utc_offset: Annotated[str, Field(pattern=r"^[+-]\d{2}:\d{2}$")] | None = None
    """Offset of times that carry none, such as `+00:00`; without it such lines are rejected."""

    @field_validator("files")
    @classmethod
    def _inside_landing(cls, value: str) -> str:
        if not value or value.startswith(("/", "~")) or ".." in Path(value).parts:
            raise ValueError("must be a relative glob below landing/, without '..'")
        return value

    @field_validator("log_format")
    @classmethod
    def _understood(cls, value: str | None) -> str | None:
        if value is not None:
            layout_of(value)  # raises what is wrong with it
        return value

    @model_validator(mode="before")
    @classmethod
    def _implied(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if isinstance(values, dict) and values.get("log_format") and values.get("format", "auto") == "auto":
            return {**values, "format": "log_format"}
        return values

    @model_validator(mode="after")
    def _format_of_a_log(self) -> Source:
        if self.format == "log_format" and self.log_format is None:
            raise ValueError('format "log_format" needs a log_format: the LogFormat or log_format of the server')
        if self.format != "log_format" and self.log_format is not None:
            raise ValueError(f'log_format is set, and format is "{self.format}". Leave one of them out')
        return self

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError("unknown encoding; try utf-8, latin-1 or cp1252") from error
        return value


class ActionRule(_Strict):
    """Which action a logged request or a tracked event is. The first rule that matches wins.

    A rule with `event` speaks of tracked events alone, one without it of logged requests alone.
    """

    action: ActionName
    event: str | None = None
    """Regular expression for the whole name of a tracked event, upper or lower case, such as `order completed`."""
    method: str = ".*"
    """Regular expression for the whole method, such as `GET|HEAD`."""
    path: str = ".*"
    """Regular expression for the whole path, without the query."""
    status: str = ".*"
    """Regular expression for the whole status, such as `2..|304`."""

    @field_validator("event", "method", "path", "status")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        # Polars runs these with Rust's regex engine, which knows no look-around and no back-references.
        if value is None:
            return None
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        if re.search(r"\(\?[=!<]", value) or re.search(r"\\[1-9]", value):
            raise ValueError("look-around and back-references are not supported")
        return value

    @model_validator(mode="after")
    def _of_one_kind(self) -> ActionRule:
        if self.event is not None and self.model_fields_set & {"method", "status"}:
            raise ValueError("a rule with `event` speaks of tracked events, which have no method and no status")
        return self


STATIC_FILES = (
    r".*\.(?i:css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|mp4|webm|mp3|pdf|zip|gz|txt|xml|json"
    r"|wasm)"
)

BUILT_IN_ACTION_RULES: tuple[ActionRule, ...] = (
    ActionRule(action="error", status="[45].."),
    ActionRule(action="signup", method="POST", path="/(signup|register)(/.*)?"),
    ActionRule(action="login", method="POST", path="/(login|signin)(/.*)?"),
    ActionRule(action="purchase", method="POST", path="/bootcamp(/.*)?"),
    ActionRule(action="static_file", method="GET|HEAD", path=STATIC_FILES),
    ActionRule(action="redirect", status="30[0-35-9]"),
    ActionRule(action="page_view", method="GET", status="2..|304"),
    ActionRule(action="other_request"),
    # Segment, RudderStack, Snowplow, GA4, PostHog and Plausible, in whatever spelling.
    ActionRule(action="page_view", event=r"page|\$?page[ _]?view|screen|\$screen|screen[ _]view"),
    ActionRule(action="signup", event="(user[ _])?sign(ed)?[ _-]?up"),
    ActionRule(action="login", event="(user[ _])?(log(ged)?|sign(ed)?)[ _-]?in"),
    ActionRule(action="logout", event="(user[ _])?(log(ged)?|sign(ed)?)[ _-]?out"),
    ActionRule(action="purchase", event="(in_app_)?purchase|order[ _]completed|completed[ _]order|transaction"),
    ActionRule(action="watch_video", event="watch[ _]video|video[ _]start|video[ _]playback[ _]started|play_event"),
    ActionRule(action="download", event="(file[ _])?downloads?"),
    ActionRule(action="search", event="(site[ _]|products[ _])?search(ed)?|view_search_results"),
    ActionRule(
        action="click",
        event="((link|button)[ _])?click|(product|promotion)[ _]clicked|(outbound|cloaked)[ _]link: click",
    ),
    ActionRule(action="custom_event", event=".*"),
)
"""The rules after the site's own. Errors, redirects and static files are no hits; everything gets an action."""

BUILT_IN_ACTIONS: tuple[str, ...] = (
    "page_view", "signup", "login", "logout", "purchase", "watch_video", "click", "search", "download", "subscribe",
    "error", "redirect", "static_file", "other_request", "custom_event",
)  # fmt: skip


class Freshness(_Strict):
    """When a metric counts as late."""

    guardrail_deadline: Annotated[str, Field(pattern=CLOCK)] = "06:00"
    """By this time (UTC) the guardrails of yesterday have to be there, built since midnight."""
    metric_deadline: Annotated[str, Field(pattern=CLOCK)] = "12:00"
    """By this time (UTC) yesterday has to be there in the other metrics."""
    newest_event_hours: Annotated[float, Field(gt=0, le=24)] = 12
    """A day that has no event so many hours before its midnight is not all there."""
    metric_warn_hours: Annotated[float, Field(gt=0)] = 36
    """Hours since a metric that is no guardrail was last materialized."""
    metric_fail_hours: Annotated[float, Field(gt=0)] = 50

    @model_validator(mode="after")
    def _warn_before_fail(self) -> Freshness:
        if self.metric_warn_hours >= self.metric_fail_hours:
            raise ValueError("metric_warn_hours must be less than metric_fail_hours")
        return self


class Guardrails(_Strict):
    """When the fall of a guardrail metric is worth an alarm."""

    margin: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """A rate that fell by less than this share of its usual value is no breach, however sure the fall is."""


class Sensor(_Strict):
    """The landing sensor, which asks for runs where files or their days changed."""

    running: bool = True
    """Whether it runs from the start; what was switched in Dagster's pages stays as it was switched."""
    seconds: Annotated[int, Field(ge=1, le=86_400)] = 30
    """How often it looks, at most."""
    days_a_tick: Annotated[int, Field(ge=1)] = 400
    """How many days it asks for at once, at most: the newest ones first."""
    runs_a_tick: Annotated[int, Field(ge=1)] = 10
    """How many of its runs may be queued or under way; each is one contiguous range of days."""


class Alerts(_Strict):
    """The alert sensor: what is told, and what is left to the pages. Where to is `alert_urls`."""

    running: bool = True
    """Whether it runs from the start; what was switched in Dagster's pages stays as it was switched."""
    seconds: Annotated[int, Field(ge=1, le=86_400)] = 30
    """How often it looks, at most."""
    least: Literal["WARN", "ERROR"] = "WARN"
    """The least severity that is told."""
    quiet_days: Annotated[int, Field(ge=0)] = 7
    """A bad day that is older is history, which is told in one summary a run."""
    many_days: Annotated[int, Field(ge=1)] = 7
    """A run that builds more days is a backfill, and all that it finds is history."""
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s<>\"@]+$")] = "http://127.0.0.1:3000"
    """Where Dagster's pages are, for links in messages; `growth-assets ui` puts its own address where none is named."""


def _server(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"sc://\S+", value.get_secret_value()):
        raise ValueError("must be an address like sc://host:15002")
    return value


class Spark(_Strict):
    """The cluster that builds the tables where `engine` is "spark"."""

    master: Annotated[str, Field(pattern=r"^(?:spark://[^\s/]+|k8s://\S+|yarn|local(?:\[[^\]\s]+\])?)$")] | None = None
    """The cluster's master, such as spark://host:7077, k8s://https://host:443 or yarn."""
    remote: Annotated[SecretStr, AfterValidator(_server)] | None = None
    """A Spark Connect server instead, such as sc://host:15002; behind a semicolon it may hold a token."""
    events_a_task: Annotated[int, Field(ge=1)] = 500_000
    """About so many events a task takes, of those received and then of those of some visitors."""
    large_days_at_once: Annotated[int, Field(ge=1, le=16)] = 2
    """So many days of several tasks are under way at once."""
    catalogue: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """A database of the cluster's own catalogue, where the tables of events are to be found as well."""
    conf: tuple[tuple[str, str], ...] = Field(default=(), repr=False)
    """Settings of Spark's own, by their names: a table. Some are passwords."""

    @property
    def where(self) -> str:
        """The cluster's address, as it may be shown: nothing of what may follow that of a server."""
        return self.master or (self.remote.get_secret_value().partition(";")[0] if self.remote else "")

    @field_validator("conf", mode="before")
    @classmethod
    def _of_spark(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if not isinstance(values, dict):
            return values
        for name, value in values.items():
            if not name.startswith("spark."):
                raise ValueError(
                    f'{name} is no setting of Spark: their names begin with "spark."; write them in quotes'
                )
            if not isinstance(value, str | int | float):
                raise ValueError(f"{name} must be a text, a number, true or false")
        return tuple(
            (name, value if isinstance(value, str) else str(value).lower()) for name, value in sorted(values.items())
        )

    @model_validator(mode="after")
    def _one_way(self) -> Spark:
        if self.master and self.remote:
            raise ValueError("master and remote are both set; leave one of them out")
        return self


class _Environment(EnvSettingsSource):
    """The `GROWTH_*` variables, but for `GROWTH_DATA`: which folder is meant is settled before it is read."""

    def __call__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__call__().items() if key != "data"}


def _place(value: object, info: ValidationInfo) -> Place:
    if isinstance(value, Place):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a folder, or a URL like s3://bucket/prefix")
    return places.place(value, info.data["data"])


class Settings(BaseSettings):
    """Everything a site can set. See `growth-assets init` for the commented file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    data: Path
    """The folder with `site.toml`, `landing/` and `warehouse/`; absolute."""
    landing: Annotated[Place, PlainValidator(_place)] = Field(default_factory=lambda known: known["data"] / "landing")
    """Where source files arrive: a folder, relative to `data`, or a URL: s3://bucket/prefix, gs:// or az://."""
    warehouse: Annotated[Place, PlainValidator(_place)] = Field(
        default_factory=lambda known: known["data"] / "warehouse"
    )
    """Where the tables are: a folder, relative to `data`, or a URL."""
    owners: Annotated[tuple[Annotated[str, Field(pattern=OWNER)], ...], Field(min_length=1)] = ("team:growth",)
    """Who answers for the assets: `team:name` or e-mail addresses, shown with each."""
    first_day: dt.date | None = None
    """First daily partition (UTC); default: the oldest day landed, but not before 2000-01-01."""
    future_tolerance_hours: Annotated[float, Field(ge=0, le=87_600)] = 24
    """An event whose time is further ahead than this when its file is read is put aside as in the future."""
    hostnames: tuple[Hostname, ...] = ()
    """Our sites. Links between them are internal traffic, and the first is the default host of a source."""
    actions: tuple[ActionName, ...] = BUILT_IN_ACTIONS
    """The enumeration that dim_action_type keeps to."""
    hit_actions: tuple[ActionName, ...] = ("page_view",)
    """Actions that count as a website hit."""
    salt: SecretStr = SecretStr("")
    """Secret in front of the visitor key, so that visitor ids cannot be traced back to addresses by trying all."""
    country_database: Path | None = None
    """A GeoLite2, GeoIP2 or DB-IP database (.mmdb) for countries or cities; default: the one in the package."""
    trusted_proxies: tuple[str, ...] = (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    )
    """Addresses and networks of our own proxies: their `X-Forwarded-For` is believed. Default: loopback and private."""
    max_quarantined_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """A day of which a larger share of rows breaks one rule, or all together, is not published; its check fails."""
    settle_seconds: Annotated[int, Field(ge=0)] = 300
    """A file that was changed within so many seconds may still be written: a half last line waits for its end."""
    min_total_events: Annotated[int, Field(ge=0)] = 1
    """The least m_total_events a day's overall rollup may have."""
    days_off: tuple[dt.date, ...] = ()
    """Days that are not like others (holidays, a campaign): they are not judged, and no day is compared with them."""
    guardrails: Guardrails = Guardrails()
    freshness: Freshness = Freshness()
    sensor: Sensor = Sensor()
    alerts: Alerts = Alerts()
    alert_urls: SecretStr = SecretStr("")
    """Apprise URLs of the channels that alerts go to, apart by blanks or new lines; from the environment alone."""
    engine: Literal["local", "spark"] = "local"
    """Where tables are built: on this machine, or by a Spark cluster."""
    spark: Spark = Spark()
    sources: tuple[Source, ...] = (Source(name="landing"),)
    action_rules: tuple[ActionRule, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file's values, which arrive as init arguments."""
        return _Environment(settings_cls), init_settings

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        networks: list[str] = []
        for value in values:
            try:
                network = ip_network(value, strict=False)
            except ValueError:
                raise ValueError(f"{value!r} is no address and no network like 10.0.0.0/8 or fc00::/7") from None
            if "/" in value and ip_interface(value).ip != network.network_address:
                raise ValueError(f"{value} names an address inside the network {network}; write one or the other")
            networks.append(str(network))
        return tuple(networks)

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        known = set(self.actions)
        for key, names in (
            ("hit_actions", self.hit_actions),
            ("action_rules", tuple(rule.action for rule in self.action_rules)),
        ):
            unknown = sorted(set(names) - known)
            if unknown:
                raise ValueError(f"{key} names {', '.join(unknown)}, which `actions` does not list")
        built_in = sorted({rule.action for rule in BUILT_IN_ACTION_RULES} - known)
        if built_in:
            raise ValueError(f"actions must list {', '.join(built_in)} too: the built-in action rules give them")
        if places.inside(self.landing, self.warehouse) or places.inside(self.warehouse, self.landing):
            raise ValueError("landing and warehouse must be apart, neither inside the other")
        if places.is_hdfs(self.warehouse):
            raise ValueError("warehouse must be a folder or on an object store: HDFS is for landing alone")
        if self.engine == "spark" and not (self.spark.master or self.spark.remote):
            raise ValueError('engine is "spark": name the cluster by spark.master or spark.remote')
        if self.engine == "spark" and places.is_remote(self.warehouse):
            raise ValueError(
                'engine is "spark": warehouse must be a folder on a file system that the cluster shares, '
                "at the same path on each of its machines"
            )
        if not self.hit_actions:
            raise ValueError("hit_actions must name at least one action")
        sources = [source.name for source in self.sources]
        if len(set(sources)) != len(sources) or not sources:
            raise ValueError("sources must be at least one, each with a name of its own")
        return self

    @property
    def workplace(self) -> Path:
        """Where locks, staged files and the catalogue are: the warehouse itself, or on this machine in its stead."""
        return self.data / "warehouse" if places.is_remote(self.warehouse) else self.warehouse

    def require_stores(self) -> None:
        """Make sure that landing and warehouse answer, where they are on an object store.

        Raises:
            StoreError: one does not; names the setting.
        """
        places.require_reachable(self.landing, "landing")
        places.require_reachable(self.warehouse, "warehouse")

    @property
    def catalogue(self) -> Path:
        """The DuckDB file with one view a table."""
        return self.workplace / "growth.duckdb"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage: `DAGSTER_HOME` where it is set, else a folder beside the warehouse."""
        home = os.environ.get("DAGSTER_HOME")
        return Path(home) if home else self.data / "dagster_home"

    @cached_property
    def rules(self) -> tuple[ActionRule, ...]:
        """The site's action rules, then the built-in ones."""
        return (*self.action_rules, *BUILT_IN_ACTION_RULES)

    @property
    def channel_urls(self) -> tuple[SecretStr, ...]:
        """The Apprise URLs of the channels, each once."""
        return tuple(SecretStr(url) for url in dict.fromkeys(self.alert_urls.get_secret_value().split()))

    def default_hostname(self, source: Source) -> str | None:
        """The host of events of `source` that do not name one."""
        return source.hostname or (self.hostnames[0] if self.hostnames else None)


def data_folder(given: Path | None = None) -> Path:
    """The data folder: as given, else `GROWTH_DATA`, else `./data`; absolute."""
    return Path(given or os.environ.get("GROWTH_DATA") or "data").expanduser().resolve()


def load(data: Path | None = None) -> Settings:
    """Read `<data>/site.toml` and the environment.

    Raises:
        SettingsError: the folder or file is missing, not TOML, or holds a wrong value; names the file and key.
    """
    folder = data_folder(data)
    path = folder / SITE_FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such file. Make one with `growth-assets init {folder}`, or name another folder with "
            "--data or GROWTH_DATA."
        ) from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    strange = sorted(name for name in os.environ if name.startswith(PREFIX) and name.partition("__")[0] not in known)
    if strange:
        raise SettingsError(f"the variable {strange[0]} names no setting; known are {', '.join(sorted(known))}")
    if "data" in content:
        raise SettingsError(f"{path}: data: cannot be set here; it is the folder this file is in")
    if "alert_urls" in content:
        raise SettingsError(
            f"{path}: alert_urls: cannot be set here, since the URLs hold secrets. Set the variable GROWTH_ALERT_URLS."
        )
    database = content.get("country_database")
    if isinstance(database, str):
        content["country_database"] = folder / Path(database).expanduser()
    try:
        return Settings(**{**content, "data": folder})
    except pydantic.ValidationError as error:
        raise SettingsError("\n".join(_describe(problem, path, content) for problem in error.errors())) from None
    except pydantic_settings.SettingsError as error:
        # What it cannot read from a variable it wraps in an error of its own, which names the field.
        field = re.search(r'field "(\w+)"', str(error))
        variable = f"{PREFIX}{field.group(1).upper()}" if field else f"a {PREFIX} variable"
        raise SettingsError(f"the variable {variable}: not valid JSON, which a list or a table has to be") from error


BATCH, AT_ONCE = "DAGSTER_EVENT_BATCH_SIZE", "1000"
"""So many events that a run plans before it begins are stored as one, and not one by one."""


def child_environment(settings: Settings, pages: str | None = None) -> dict[str, str]:
    """The environment for a Dagster process that is to work on this data folder and its instance.

    `pages` is the address that it serves its pages on, if it does: links lead there, unless the site names another one.
    """
    own = (
        {} if pages is None or "base_url" in settings.alerts.model_fields_set else {f"{PREFIX}ALERTS__BASE_URL": pages}
    )
    return {
        **os.environ,
        **own,
        "GROWTH_DATA": str(settings.data),
        "DAGSTER_HOME": str(settings.dagster_home.resolve()),
        BATCH: os.environ.get(BATCH, AT_ONCE),
    }


def enter_dagster_home(settings: Settings) -> None:
    """Let this process find the folder's Dagster instance: its dagster.yaml names itself by `DAGSTER_HOME`."""
    home = str(settings.dagster_home.resolve())
    # To set one moves what threads may be reading outside of Python: not where it is as it is to be.
    if os.environ.get("DAGSTER_HOME") != home:
        os.environ["DAGSTER_HOME"] = home
    os.environ.setdefault(BATCH, AT_ONCE)


def enter_spark(settings: Settings) -> None:
    """Have a cluster run the Python that this process runs, unless another is named: it lies there at the same path."""
    chosen = dict(settings.spark.conf).get("spark.pyspark.python", os.environ.get("PYSPARK_PYTHON", sys.executable))
    os.environ["PYSPARK_PYTHON"] = chosen


def _describe(problem: Any, path: Path, content: dict[str, Any]) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    variable = f"GROWTH_{location[0].upper()}" if location else ""
    origin = f"the variable {variable}" if variable and variable in os.environ else str(path)
    if location and location[0] not in content and origin == str(path):
        nested = [name for name in os.environ if name.startswith(f"{variable}__")]
        origin = f"the variable {nested[0]}" if nested else origin
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = f"no such setting; known are {', '.join(sorted(Settings.model_fields))}"
        if len(location) > 1:
            message = "no such setting"
    return f"{origin}: {key + ': ' if key else ''}{message}"
