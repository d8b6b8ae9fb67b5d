"""The board's views in a real browser, offline and under the strict Content-Security-Policy, in four looks.

What a view shows is compared with what the graph answers; a picture of each is in pytest's folder.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.boards import CHARTMOGUL_DEAL, LOOKS, NEXUDUS_DEAL, Board, amount, browser, squeezed, sums, window
from tests.frontends import LONGEST_MILLISECONDS, demo

__all__ = ["browser"]  # fixtures

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=LONGEST_MILLISECONDS)

TOTALS = "rows { keys { value } currency kind count amount missingAmountCount }"
OPEN = "{status: {eq: OPEN}}"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo's graph, whose sources have been read."""
    with demo(tmp_path_factory.mktemp("demo")) as url:
        yield url


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest, browser: Any, graph: str, tmp_path: Path) -> Iterator[Board]:
    with window(browser, graph, tmp_path / "seen.png", **LOOKS[request.param]) as found:
        yield found


@pytest.fixture
def board(browser: Any, graph: str, tmp_path: Path) -> Iterator[Board]:
    with window(browser, graph, tmp_path / "seen.png") as found:
        yield found


def settled(board: Board) -> None:
    """Wait until both sources have been read once, as the page shows it."""
    board.open("#/table", ".freshness [data-standing=good] >> nth=1")


ALL_COLUMNS_HAVE_THEIR_CARDS = """[...document.querySelectorAll(".column")].every(
  column => column.querySelector("a.card") || column.querySelector(".count").textContent == "0")"""


SCROLLS_IN_ITS_PARTS_ALONE = """(({scrollWidth, scrollHeight}) =>
  scrollWidth <= innerWidth && scrollHeight <= innerHeight)(document.documentElement)"""


def scrolls_in_its_parts_alone(board: Board) -> bool:
    """Return whether the document fits the window: else header and filters go when somebody scrolls on."""
    return bool(board.page.evaluate(SCROLLS_IN_ITS_PARTS_ALONE))


VIEWS = {"#/board": ".lane .sums", "#/table": ".table .body a", "#/charts": ".bars li"}


def test_the_board_shows_each_stage_with_its_count_and_sums(look: Board) -> None:
    settled(look)
    look.open("#/board", "a.card")
    rows = look.ask(f"{{ opportunitySummary(groupBy: [PIPELINE, STAGE], filter: {OPEN}) {{ {TOTALS} }} }}")
    stages: dict[tuple[str, str], list[Any]] = {}
    for row in rows["opportunitySummary"]["rows"]:
        pipeline, stage = (key["value"] for key in row["keys"])
        stages.setdefault((pipeline, stage), []).append(row)
    assert len(stages) > 10
    for (pipeline, stage), own in stages.items():
        column = look.page.get_by_role("region", name=pipeline, exact=True).get_by_role(
            "region", name=stage, exact=True
        )
        expect(column.locator(".count")).to_have_text(str(sum(row["count"] for row in own)))
        assert sorted(squeezed(text) for text in column.locator(".sums li").all_text_contents()) == sums(own)
    assert scrolls_in_its_parts_alone(look)
    assert look.axe() == []


def test_the_cards_of_a_stage_are_its_deals_the_last_changed_first(board: Board) -> None:
    settled(board)
    board.open("#/board?source=NEXUDUS&pipeline=Sales+Pipeline", "a.card")
    nodes = board.ask(
        "{ opportunities(first: 200, filter: {status: {eq: OPEN}, source: {eq: NEXUDUS}, "
        'pipelineName: {eq: "Sales Pipeline"}, stageName: {eq: "Proposal"}}) '
        "{ nodes { id value { amount currencyCode } customer { companyName name } } } }"
    )["opportunities"]["nodes"]
    column = board.page.get_by_role("region", name="Proposal", exact=True)
    for place in (0, len(nodes) - 1):
        card = column.locator(f"li[data-index='{place}'] a")
        if place:
            column.locator(".cards").evaluate("box => box.scrollTo(0, box.scrollHeight)")
        expect(card).to_contain_text(nodes[place]["customer"]["companyName"] or nodes[place]["customer"]["name"])
        if value := nodes[place]["value"]:
            expect(card).to_contain_text(f"{amount(value['amount'])} {value['currencyCode']}")
        else:
            expect(card).to_contain_text("No amount")
        expect(card).to_have_attribute("href", re.compile(re.escape(quote(nodes[place]["id"], safe=""))))


def test_the_table_shows_all_deals_and_has_the_rows_in_sight_alone(look: Board) -> None:
    settled(look)
    found = look.ask(
        "query($after: String) { opportunities(first: 200, after: $after, orderBy: [{field: VALUE, direction: DESC}]) "
        "{ totalCount pageInfo { endCursor } nodes { id } } }"
    )["opportunities"]
    total = found["totalCount"]
    look.open("#/table?status=ALL&order=VALUE", ".table .body a")
    expect(look.page.get_by_role("table", name="Deals")).to_have_attribute("aria-rowcount", str(total + 1))
    expect(look.page.get_by_label("Deals shown")).to_have_text(f"{total} deals")
    shown = look.page.locator(".table .body a").evaluate_all("links => links.slice(0, 5).map(link => link.href)")
    assert [quote(node["id"], safe="") in href for node, href in zip(found["nodes"], shown, strict=False)] == [True] * 5
    look.page.locator(".table").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    last = look.page.locator(f"[aria-rowindex='{total + 1}'] a")
    expect(last).to_be_visible()
    assert look.page.locator(".table .body .row").count() < 60
    assert scrolls_in_its_parts_alone(look)
    assert look.axe() == []


def test_header_and_filters_stay_however_far_somebody_scrolls(look: Board) -> None:
    settled(look)
    for address, ready in VIEWS.items():
        look.open(f"{address}?status=ALL", ready)
        for closed in look.page.locator("main summary").all():
            closed.click()
        assert scrolls_in_its_parts_alone(look), address


CUT_AT_A_SIDE = """lines => lines.filter(line => {
  const [own, part] = [line, line.closest(".column, main")].map(one => one.getBoundingClientRect());
  return own.left < part.left || own.right > part.right;
}).map(line => line.textContent)"""


def test_each_sum_can_be_read(look: Board) -> None:
    settled(look)
    for address, ready in VIEWS.items():
        look.open(f"{address}?status=ALL", ready)
        opened = look.page.locator(".totals .sums details, .lane:first-child .sums details")
        expect(opened.first).to_be_attached()  # the totals are another answer than what the view waits for
        for sums_of_rare_kinds in opened.all():
            sums_of_rare_kinds.locator("summary").click()
        lines = opened.locator("li")
        assert lines.count() > 3
        assert lines.evaluate_all(CUT_AT_A_SIDE) == []


def test_how_long_ago_a_deal_changed_is_never_cut(look: Board) -> None:
    settled(look)
    look.open("#/table?status=ALL&direction=ASC", ".table .body a")
    changed = look.page.locator(".table .body .changed")
    expect(changed.first).to_have_text(re.compile(r"^[\d,]{3,} days ago$"))
    assert changed.evaluate_all("cells => cells.every(cell => cell.scrollWidth <= cell.clientWidth)")


def test_filters_search_and_order_are_in_the_address_and_the_back_button_works(board: Board) -> None:
    settled(board)
    page = board.page
    board.open("#/table", ".table .body a")
    page.get_by_text("Won", exact=True).first.click()
    page.get_by_label("Source", exact=True).select_option("CHARTMOGUL")
    page.get_by_label("Search").fill("expansion")
    page.wait_for_url(re.compile("search=expansion"))
    page.get_by_role("button", name="Value").click()
    wanted = board.ask(
        '{ opportunities(first: 3, search: "expansion", filter: {status: {eq: WON}, source: {eq: CHARTMOGUL}}, '
        "orderBy: [{field: VALUE, direction: DESC}]) { totalCount nodes { value { amount } } } }"
    )["opportunities"]
    expect(page.get_by_label("Deals shown")).to_have_text(f"{wanted['totalCount']} deals")
    for place, node in enumerate(wanted["nodes"]):
        expect(page.locator(f"[aria-rowindex='{place + 2}'] .value b")).to_have_text(amount(node["value"]["amount"]))
    shared = page.url
    board.open(shared[shared.index("#") :], ".table .body a")
    expect(page.get_by_label("Deals shown")).to_have_text(f"{wanted['totalCount']} deals")
    expect(page.get_by_role("radio", name="Won")).to_be_checked()
    page.get_by_role("link", name="Charts").click()
    page.go_back()
    expect(page.get_by_role("table", name="Deals")).to_be_visible()
    assert page.url == shared


def test_charts_have_the_numbers_of_the_graph(look: Board) -> None:
    settled(look)
    unit = "EUR/recurring"
    look.open(f"#/charts?unit={quote(unit)}", ".bars li")
    rows = look.ask(
        f"{{ stages: opportunitySummary(groupBy: [PIPELINE, STAGE], filter: {OPEN}) {{ {TOTALS} }} "
        "won: opportunitySummary(groupBy: [UPDATED_MONTH], "
        f"filter: {{status: {{eq: WON}}, source: {{eq: CHARTMOGUL}}}}) {{ {TOTALS} }} }}"
    )
    wanted = sorted(
        f"{row['keys'][1]['value']} {amount(row['amount'])}"
        for row in rows["stages"]["rows"]
        if (row["currency"], row["kind"]) == ("EUR", "recurring") and row["amount"] is not None
    )
    chart = look.page.get_by_role("region", name="By stage")
    bars = zip(chart.locator(".name").all_text_contents(), chart.locator(".figure").all_text_contents(), strict=True)
    assert sorted(f"{name} {figure}" for name, figure in bars) == wanted
    closed = look.page.get_by_role("region", name="Won and lost")
    closed.locator("summary").click()
    heads = closed.locator("thead th").all_text_contents()
    column = heads.index("Won, ChartMogul") + 1
    figures = closed.locator(f"tbody tr > :nth-child({column})").all_text_contents()
    won = [
        amount(row["amount"])
        for row in reversed(rows["won"]["rows"])
        if (row["currency"], row["kind"]) == ("EUR", "recurring") and row["amount"] is not None
    ]
    assert [figure for figure in figures if any(map(str.isdigit, figure))] == won
    assert scrolls_in_its_parts_alone(look)
    assert look.axe() == []


def test_charts_have_stages_in_the_order_of_their_pipeline_and_closed_ones_last(board: Board) -> None:
    settled(board)
    board.open("#/charts?status=ALL", ".bars li")
    chart = board.page.get_by_role("region", name="By stage")
    found = {
        heading: chart.locator(f".bars ul >> nth={place}").locator(".name").all_text_contents()
        for place, heading in enumerate(chart.locator("h3").all_text_contents())
    }
    assert found["Sales Pipeline · Nexudus"] == ["Enquiry", "Office Tour", "Proposal", "Negotiation", "Won", "Lost"]
    assert found["Expansion · ChartMogul"] == ["Negotiation", "Signal", "Closed Lost", "Closed Won"]


@pytest.mark.parametrize("id_", [NEXUDUS_DEAL, CHARTMOGUL_DEAL])
def test_a_deals_page_has_all_that_is_known_and_the_customers_other_deals(look: Board, id_: str) -> None:
    settled(look)
    look.open(f"#/board?deal={id_}", "dialog.deal .others a")
    deal = look.ask(
        "query($id: ID!) { opportunity(id: $id) { sourceId stageName pipelineName value { amount currencyCode } "
        "owner { name email } customer { companyName name email sourceId opportunities(first: 20) "
        "{ totalCount nodes { id stageName } } } ... on NexudusOpportunity { notes utm { campaign } name } "
        "... on ChartMogulOpportunity { winLikelihood custom { key } } } }",
        id=id_,
    )["opportunity"]
    dialog = look.page.get_by_role("dialog", name=deal["customer"]["companyName"])
    for text in (
        deal["sourceId"],
        f"{amount(deal['value']['amount'])} {deal['value']['currencyCode']}",
        f"{deal['stageName']} in {deal['pipelineName']}",
        deal["customer"]["email"],
        deal["owner"]["name"] or deal["owner"]["email"],
        *((deal["notes"], deal["utm"]["campaign"], deal["name"]) if "notes" in deal else ()),
        *((f"{deal['winLikelihood']} %", *(one["key"] for one in deal["custom"])) if "custom" in deal else ()),
    ):
        expect(dialog).to_contain_text(text)
    assert deal["owner"]["name"] or deal["owner"]["email"]
    for part, value in deal["owner"].items():
        assert (
            "not recorded: owner\N{RIGHT SINGLE QUOTATION MARK}s " + part in squeezed(dialog.inner_text()).lower()
        ) is (value is None)
    others = [node for node in deal["customer"]["opportunities"]["nodes"] if node["id"] != id_]
    assert len(look.texts("dialog.deal .others a")) == len(others) > 0
    expect(dialog).to_contain_text("Read from", ignore_case=True)
    assert scrolls_in_its_parts_alone(look)
    assert look.axe() == []


def test_all_of_it_can_be_reached_with_the_keyboard(board: Board) -> None:
    settled(board)
    page, press = board.page, board.page.keyboard.press
    board.open("#/table", ".table .body a")
    press("Tab")
    expect(page.get_by_role("button", name="Skip to the deals")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    place = "document.activeElement.closest('[data-index]')?.dataset.index"
    for _ in range(20):
        press("Tab")
        if page.evaluate(place) is not None:
            break
    for key, row in (("ArrowDown", "1"), ("ArrowDown", "2"), ("Home", "0"), ("End", "155"), ("ArrowUp", "154")):
        press(key)
        expect(page.locator(f"[data-index='{row}'] a")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[data-index='154'] a")).to_be_focused()
    press("/")
    expect(page.get_by_label("Search")).to_be_focused()

    board.open("#/board?source=NEXUDUS&pipeline=Sales+Pipeline", "a.card")
    page.wait_for_function(ALL_COLUMNS_HAVE_THEIR_CARDS)  # else one that comes later may be the first
    page.locator(".column a.card").first.focus()
    columns = page.locator(".column:has(a.card)")
    press("ArrowDown")
    expect(columns.first.locator("[data-index='1'] a")).to_be_focused()
    press("ArrowRight")
    expect(columns.nth(1).locator("[data-index='0'] a")).to_be_focused()
    press("ArrowLeft")
    expect(columns.first.locator("[data-index='1'] a")).to_be_focused()


def test_a_theme_that_was_chosen_stays(board: Board) -> None:
    board.open()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = board.page.evaluate(ground)
    board.page.get_by_role("button", name="Theme: system").click()
    assert board.page.evaluate(ground) == light
    board.page.get_by_role("button", name="Theme: light").click()
    dark = board.page.evaluate(ground)
    assert dark != light
    board.open()
    assert board.page.evaluate(ground) == dark
    expect(board.page.get_by_role("button", name="Theme: dark")).to_be_visible()


def test_an_address_of_nothing_says_so(board: Board) -> None:
    settled(board)
    board.open("#/table?search=nobody+has+this+name", ".empty")
    assert board.texts(".empty") == ["No deal fits."]
    expect(board.page.locator(".table")).not_to_be_visible()
    board.open(f"#/table?deal={'bmV4dWR1czox'}", "dialog .notice")
    expect(board.page.get_by_role("dialog", name="No such deal")).to_contain_text("No system has such a deal.")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("#/table?search=a+b+c+d+e+f+g+h+i+j+k", "`search` may have at most 10 words, not 11."),
        (f"#/board?stage={'s' * 1001}", "`filter.stageName.eq` may have at most 1,000 characters, not 1,001."),
        ("#/charts?source=OTHER", "This address asks for something that does not exist."),
        (
            "#/table?deal=x",
            "This is not the id of an opportunity. Pass back an `id` that this graph gave out, unchanged.",
        ),
    ],
    ids=["search", "stage", "source", "deal"],
)
def test_what_is_wrong_with_an_address_is_said_once_and_not_to_be_tried_again(
    board: Board, address: str, said: str
) -> None:
    settled(board)
    board.open(address, "[role=alert]")
    expect(board.page.get_by_role("alert")).to_have_text(said)  # no button: nothing would change
    board.page.goto("about:blank")  # where nothing more is asked or complained of
    # What is refused as a whole has another status than 200, which browsers complain of.
    assert all("status of 400" in complaint for complaint in board.complaints)
    board.complaints.clear()


def test_an_address_is_read_to_its_end(board: Board) -> None:
    settled(board)
    board.open("#/table?search=what?now", ".empty")
    expect(board.page.get_by_label("Search")).to_have_value("what?now")
    expect(board.page.get_by_label("Search")).to_have_attribute("maxlength", "200")
