"""What a person sees and does in Dagster's pages: the graph, partitions, plots, checks, an alert and a backfill.

Everything is read from the page itself; GraphQL is only asked whether a run that a click began has ended.
`pytest growth_assets_tests/ui --screenshots docs/images --basetemp /tmp/growth` keeps the pictures of the README.
"""

import re

import duckdb
import pytest
from playwright.sync_api import Page, expect

from growth_assets.tables import BY_NAME, DAILY, TABLES
from growth_assets.warehouse.catalogue import query
from growth_assets.warehouse.partitions import Warehouse
from growth_assets_tests.ui.conftest import asset_url, choose_day, open_days_of_check, seen, verdict

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("ui")]

FCT = "core.fct_website_events"
RATE = "metrics.signup_conversion_rate"
RULE = "dim_action_type_enumerated"
GROUPS = ("landing", "raw", "core", "metrics")


def open_graph(page: Page) -> None:
    page.goto("/asset-groups")
    expect(seen(page, "Global asset lineage")).to_be_visible()
    canvas = page.locator("svg").filter(has_text="metrics")
    expect(canvas).to_be_visible()


def test_graph_shows_every_table_in_its_group(page, picture, world):
    page.set_viewport_size({"width": 1440, "height": 1000})
    open_graph(page)
    for group in GROUPS:
        expect(page.locator("svg").get_by_text(group, exact=True).first).to_be_visible()
    canvas = page.locator("svg").filter(has_text="metrics")
    canvas.click(button="right", position={"x": 500, "y": 120})
    page.locator(':text-is("Expand all groups"):visible').last.click()
    page.wait_for_url(re.compile("expanded="))
    page.reload()  # lays the graph out to fit
    for name in ("event_files", *(table.short_name for table in TABLES)):
        # Long names are cut in the middle.
        expect(page.locator("svg").get_by_text(re.compile(f"^{name[:9]}")).first).to_be_visible()
    picture("graph")


def test_an_asset_says_what_it_is_whose_and_how_it_went(page, picture, world):
    page.goto(asset_url(RATE))
    chart = page.get_by_role("img", name="signup_conversion_rate")
    expect(chart).to_be_visible()
    assert chart.evaluate("each => each.complete && each.naturalWidth") == 360
    expect(seen(page, f"on {world.newer[-1]}; lowest")).to_be_visible()
    expect(seen(page, "growth", exact=True)).to_be_visible()
    expect(seen(page, "From dim_action_type, is_bot of core.fct_website_events")).to_be_visible()
    expect(seen(page, re.compile("guardrail_state is"))).to_be_visible()
    chart.scroll_into_view_if_needed()
    picture("asset")


def test_partitions_say_which_days_are_published(page, picture, planted):
    open_graph(page)
    page.get_by_role("button", name="Reload definitions").click()
    expect(seen(page, "Definitions reloaded")).to_be_visible()
    page.goto(asset_url(FCT, "partitions"))
    days = [*planted.older, *planted.newer]
    for shown in ("8 Partitions Selected", "Failed (1)", f"Materialized ({len(planted.good)})", "Missing (1)"):
        expect(seen(page, shown)).to_be_visible()
    for ds in days:
        choose_day(page, ds)
        expect(page.get_by_role("heading", name=ds).or_(page.get_by_text(ds)).first).to_be_visible()
        refused = seen(page, "failed, and did not materialize this asset")
        rows = seen(page, "dagster/partition_row_count")
        expect(refused).to_be_visible(visible=ds == planted.bad)
        expect(rows).to_be_visible(visible=ds in planted.good)
    choose_day(page, planted.good[-1])
    expect(seen(page, "Materialized", exact=True)).to_be_visible()
    picture("partitions")
    warehouse = Warehouse(planted.data / "warehouse")
    for table in DAILY:
        # What came before the refused table was good and is published.
        there = sorted([*planted.good, planted.bad]) if table.name == "raw.website_events" else planted.good
        assert warehouse.days(table) == there, table.name


def test_checks_are_red_on_the_bad_day_alone(page, picture, planted):
    page.goto(f"{asset_url(FCT, 'checks')}&checkDetail={RULE}")
    for check in BY_NAME[FCT].checks:
        expect(seen(page, check, exact=True)).to_be_visible()
    open_days_of_check(page)
    for shown in ("Failed (1)", f"Passed ({len(planted.good)})", "Execution Failed (0)", "Missing (1)", "Skipped (0)"):
        expect(seen(page, shown, exact=True)).to_be_visible()
    for ds in [*planted.good, planted.bad]:
        choose_day(page, ds)
        expect(verdict(page)).to_have_text("Failed" if ds == planted.bad else "Passed")
    expect(seen(page, "quarantined_share")).to_be_visible()
    picture("checks")
    # The statement that the page offers leads to the rows that broke the rule.
    statement = page.get_by_text("SELECT * FROM read_parquet").first.inner_text()
    broken = duckdb.sql(statement).select("action_type", "ds", "rule").fetchall()
    assert broken == [("hack", planted.bad, RULE)] * 400


def test_a_backfill_is_launched_by_clicks(page, picture, planted, server):
    days = [planted.unbuilt, planted.older[1]]
    page.goto("/locations/growth_assets.definitions/jobs/daily_numbers")
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_placeholder("No matching partitions").fill(f"[{days[0]}...{days[1]}]")
    dialog.get_by_text("Partition selection").click()
    dialog.get_by_text("Partition selection").click()
    expect(dialog.get_by_text("2 partitions", exact=True)).to_be_visible()
    picture("launch")
    dialog.get_by_role("button", name="Launch backfill").click()
    assert server.newest_backfill()


def test_metadata_is_plotted_over_days(page, picture, planted):
    page.goto(asset_url("metrics.signup_conversion_rate"))
    seen(page, "Plots", exact=True).click()
    for metadata in ("m_signups", "m_website_hits", "signup_conversion_rate"):
        heading = page.get_by_text(metadata, exact=True).last
        heading.scroll_into_view_if_needed()
        expect(heading).to_be_visible()
    charts = page.locator("canvas")
    expect(charts.nth(2)).to_be_visible()
    page.wait_for_timeout(1500)
    ink = "each => each.getContext('2d').getImageData(0, 0, each.width, each.height).data.some(byte => byte > 0)"
    for chart in charts.all():
        assert chart.evaluate(ink)
    picture("plots")


def test_the_schedule_is_there_under_its_name(page, planted):
    page.goto("/automation")
    expect(seen(page, "numbers_every_morning", exact=True)).to_be_visible()


def test_the_link_of_an_alert_leads_to_what_it_tells(page, planted, server):
    looked = planted.run("alerts", "--look")
    assert looked.returncode == 0, looked.stderr
    alert = query(
        planted.data / "warehouse" / "growth.duckdb",
        "SELECT link FROM ops.alerts WHERE table_name = ? AND check_name = ?",
        [FCT, RULE],
    )["link"][0]
    page.goto(server.url + re.sub("^https?://[^/]+", "", alert))
    expect(seen(page, RULE, exact=True)).to_be_visible()
    expect(
        page.get_by_text(f"{RULE} is one of").or_(page.get_by_text("dim_action_type is one of")).first
    ).to_be_visible()


def test_the_backfill_is_seen_done(page, planted, server):
    backfill = server.newest_backfill()
    page.goto(f"/runs/b/{backfill}")
    # One run for both days.
    assert server.finished_backfill(backfill) == ("COMPLETED_SUCCESS", 1)
    expect(seen(page, "100% completed")).to_be_visible()
    warehouse = Warehouse(planted.data / "warehouse")
    for table in DAILY:
        assert warehouse.path(table, planted.unbuilt).exists(), table.name
    page.goto(asset_url("metrics.purchase_conversion_rate", "partitions"))
    for shown in ("Failed (1)", f"Materialized ({len(planted.good) + 1})", "Missing (0)"):
        expect(seen(page, shown)).to_be_visible()
