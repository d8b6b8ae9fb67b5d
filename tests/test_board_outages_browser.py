"""The board in a real browser when a source fails, and for callers who must sign in or may not see everything."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.boards import NEXUDUS_DEAL, Board, browser, window
from tests.credentials import SCOPES, line
from tests.frontends import LONGEST_MILLISECONDS, demo

__all__ = ["browser"]  # fixtures

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=LONGEST_MILLISECONDS)

PATIENCE_MILLISECONDS = 30_000
REFUSED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """A demo, and what lets one of its sources fail; None lets it answer again."""
    with demo(tmp_path) as url:

        def fail(fault: str | None) -> None:
            faults = re.search(r"http://\S+/faults", (tmp_path / "log").read_text())
            assert faults is not None
            body = json.dumps({"upstream": "nexudus", "fault": fault, "times": None}).encode()
            for request in (
                Request(faults[0], method="DELETE"),
                *([Request(faults[0], body, method="POST")] if fault else []),
            ):
                with urlopen(request, timeout=10):
                    pass

        yield url, fail


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo whose callers need a key: `all` sees people, `some` does not."""
    keys = [line("all", "all-key", " ".join(SCOPES)), line("some", "some-key")]
    with demo(tmp_path_factory.mktemp("guarded"), API_KEYS="\n".join(keys)) as url:
        yield url


def sign_in(board: Board, key: str) -> None:
    board.page.get_by_text("API key", exact=True).first.click()
    board.page.get_by_label("API key", exact=True).last.fill(key)
    board.page.get_by_role("button", name="Sign in").click()


def test_a_source_that_fails_in_the_middle_is_said_and_hides_nothing(
    browser: Any, failing: tuple[str, Any], tmp_path: Path
) -> None:
    url, fail = failing
    with window(browser, url, tmp_path / "seen.png") as board:
        board.open("#/table", ".freshness [data-standing=good] >> nth=1")
        page = board.page
        rows = page.get_by_role("table", name="Deals")
        count = board.ask("{ opportunities(first: 1, filter: {status: {eq: OPEN}}) { totalCount } }")
        counted = f"{count['opportunities']['totalCount']} deals"
        expect(page.get_by_label("Deals shown")).to_have_text(counted)
        before = str(count["opportunities"]["totalCount"] + 1)
        expect(rows).to_have_attribute("aria-rowcount", before)
        expect(page.locator(".late-mark")).to_have_count(0)

        fail("503")
        nexudus, chartmogul = (page.locator(f".freshness [data-source={name}]") for name in ("nexudus", "chartmogul"))
        expect(nexudus).to_contain_text("failing", timeout=PATIENCE_MILLISECONDS)
        expect(page.locator(".warnings")).to_contain_text(
            re.compile("Nexudus cannot be reached. Its deals are shown as they were")
        )
        assert "ChartMogul" not in page.locator(".warnings").inner_text()
        expect(chartmogul).to_have_attribute("data-standing", "good")
        expect(rows).to_have_attribute("aria-rowcount", before)
        expect(page.get_by_label("Deals shown")).to_have_text(counted)
        late = page.locator(".row:has(.late-mark) .source")
        assert {text.strip() for text in late.all_text_contents()} == {"Nexudus"}
        assert page.locator(".row:not(:has(.late-mark)) .source").first.inner_text() == "ChartMogul"
        assert board.axe() == []

        board.open(f"#/table?deal={NEXUDUS_DEAL}", "dialog .notice")
        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".notice")).to_contain_text("Nexudus cannot be reached.")
        expect(dialog).to_contain_text("Stale: read from Nexudus")
        expect(dialog).to_contain_text("Office Tour in Sales Pipeline")
        expect(dialog.locator(".others a").first).to_contain_text("ChartMogul")
        assert board.axe() == []

        fail("403")  # what the server has fetched before is not shown then; the copy of all deals is
        board.open(f"#/table?deal={NEXUDUS_DEAL}", "dialog [data-code=UPSTREAM_FORBIDDEN]")
        expect(dialog.locator(".notice")).to_contain_text("Nexudus does not let the server read this.")
        expect(dialog).to_contain_text("Office Tour in Sales Pipeline")

        fail(None)
        dialog.get_by_role("button", name="Try again").click()
        expect(dialog.locator(".notice")).to_have_count(0, timeout=PATIENCE_MILLISECONDS)
        expect(dialog).not_to_contain_text("Stale")


def test_a_failure_is_told_once_and_all_that_failed_is_asked_for_again(
    browser: Any, failing: tuple[str, Any], tmp_path: Path
) -> None:
    url, _ = failing
    unavailable = {"message": "", "extensions": {"code": "STORE_UNAVAILABLE", "retryable": True}}
    refused: set[str] = set()

    def answer(route: Any) -> None:
        name = re.match(r"query (\w+)", route.request.post_data_json["query"])
        if name is not None and name[1] in refused:
            route.fulfill(json={"data": None, "errors": [unavailable]})
        else:
            route.continue_()

    with window(browser, url, tmp_path / "seen.png") as board:
        page = board.page
        page.route("**/graphql", answer)
        notice, counted = page.locator(".notice"), page.get_by_label("Deals shown")
        for view, whole in {"board": ".lanes", "table": ".table", "charts": ".charts"}.items():
            refused.update({"Summary", "Board", "Deals", "Charts"})
            board.open(f"#/{view}", ".notice")
            expect(notice).to_have_count(1)
            expect(notice).to_contain_text("Lists cannot be read now.")
            expect(counted).to_have_text("Not counted")
            expect(page.locator(whole)).not_to_be_visible()
            assert board.axe() == []
            refused.clear()
            notice.get_by_role("button", name="Try again").click()
            expect(notice).to_have_count(0)
            expect(counted).to_have_text(re.compile(r"\d+ deals"))
            expect(page.locator(whole)).to_be_visible()

        refused.add("Summary")
        board.open("#/board", ".notice")
        expect(notice).to_have_count(1)
        expect(counted).to_have_text("Not counted")
        expect(page.locator("a.card").first).to_be_visible()
        refused.clear()

        refused.add("Deals")
        board.open("#/board", ".notice")
        expect(page.locator(".card.waiting").nth(5)).to_be_visible()  # of several columns
        expect(notice).to_have_count(1)
        expect(counted).to_have_text(re.compile(r"\d+ deals"))


def test_whoever_has_a_key_signs_in_for_this_tab_alone(browser: Any, guarded: str, tmp_path: Path) -> None:
    with window(browser, guarded, tmp_path / "seen.png") as board:
        page = board.page
        board.open("#/table", ".sign-in")
        assert board.axe() == []
        kinds = page.get_by_role("group", name="Kind of credential")
        assert kinds.get_by_role("radio").evaluate_all("all => all.map(one => one.labels[0].innerText)") == [
            "API key",
            "Token",
        ]
        expect(kinds.get_by_role("radio", name="API key")).to_be_checked()
        page.get_by_text("Token", exact=True).first.click()
        page.get_by_label("Token", exact=True).last.fill("no.such.token")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("does not accept this credential")
        expect(kinds.get_by_role("radio", name="Token")).to_be_checked()  # so the right one is not sent as a key
        sign_in(board, "not-a-key")
        expect(kinds.get_by_role("radio", name="API key")).to_be_checked()
        sign_in(board, "all-key")
        expect(page.locator(".table .owner").first).to_be_visible()
        owner = board.ask(
            "{ opportunities(first: 1, filter: {status: {eq: OPEN}}) { nodes { owner { name email } } } }", "all-key"
        )
        shown = owner["opportunities"]["nodes"][0]["owner"]
        expect(page.locator("[aria-rowindex='2'] .owner")).to_have_text(shown["name"] or shown["email"])
        page.reload()
        expect(page.locator(".table .owner").first).to_be_visible()
        assert page.evaluate("JSON.stringify(localStorage)") == "{}"
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in to the pipeline")).to_be_visible()
        assert page.evaluate("sessionStorage.length") == 0
        assert set(board.complaints) == {REFUSED}
        board.complaints.clear()


def test_whoever_may_not_see_people_is_told_so_and_sees_the_rest(browser: Any, guarded: str, tmp_path: Path) -> None:
    with window(browser, guarded, tmp_path / "seen.png") as board:
        page = board.page
        board.open("#/board", ".sign-in")
        sign_in(board, "some-key")
        expect(page.locator("a.card").first).to_be_visible()
        expect(page.get_by_text("your credential lacks the scope contacts:read").first).to_be_visible()
        expect(page.get_by_label("Owner")).to_have_count(0)
        count = board.ask("{ opportunities(first: 1, filter: {status: {eq: OPEN}}) { totalCount } }", "some-key")
        expect(page.get_by_label("Deals shown")).to_have_text(f"{count['opportunities']['totalCount']} deals")
        page.goto(guarded.removesuffix("/graphql") + f"/board#/board?deal={NEXUDUS_DEAL}")
        dialog = page.get_by_role("dialog", name="Example Widgets Ltd")
        expect(dialog.locator(".note")).to_contain_text("lacks the scope contacts:read")
        expect(dialog.locator(".note")).to_contain_text("customer email")
        expect(dialog).to_contain_text("Office Tour in Sales Pipeline")
        assert "@example.com" not in dialog.inner_text()
        assert board.axe() == []
        assert set(board.complaints) == {REFUSED}
        board.complaints.clear()
