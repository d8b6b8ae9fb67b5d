"""Frontends in a real browser: Apollo Client and urql in pages of another origin, and the example frontend as a person
uses it, served by its own `npm run dev` and by what `npm run build` makes, against the demo.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.frontends import Frontend, demo, serve, window

pytestmark = pytest.mark.gateways

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "tests" / "gateways"
FRONTEND = ROOT / "examples" / "frontend"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NODE = shutil.which("node")
PAGE = 25


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a page with both clients."""
    esbuild = PROGRAMS / "node_modules" / "esbuild" / "bin" / "esbuild"
    if NODE is None or not esbuild.exists():
        pytest.skip("its packages are not installed: npm install --no-package-lock --prefix tests/gateways")
    folder = tmp_path_factory.mktemp("page")
    bundle = [NODE, esbuild, "browser/page.mjs", "--bundle", f"--outfile={folder / 'page.js'}", "--log-level=error"]
    subprocess.run(bundle, cwd=PROGRAMS, check=True, timeout=60)
    (folder / "index.html").write_text("<!doctype html><link rel=icon href='data:,'><script src=page.js></script>")
    with serve(folder) as found:
        yield found


@pytest.fixture(scope="module")
def page(browser: Any, origin: str) -> Iterator[Any]:
    """The page with both clients."""
    found = browser.new_page()
    found.goto(origin)
    yield found
    found.close()


def test_clients_of_an_allowed_origin_get_their_answers(page: Any, origin: str, tmp_path: Path) -> None:
    with demo(tmp_path, CORS_ORIGINS=origin) as url:
        assert page.evaluate("url => window.ask(url)", url) == ["Office Tour", "Office Tour"]


def test_clients_of_another_origin_get_none(page: Any, tmp_path: Path) -> None:
    with demo(tmp_path, CORS_ORIGINS="https://app.example.com") as url:
        answers = page.evaluate("url => window.ask(url)", url)
    assert all("Failed to fetch" in answer for answer in answers), answers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of the demo, and of its simulator's control."""
    folder = tmp_path_factory.mktemp("demo")
    with demo(folder) as url:
        with urlopen(f"{url}?query=%7B__typename%7D", timeout=20):
            pass
        control = re.search(r"http://\S+/__sim__", (folder / "log").read_text())
        assert control is not None
        yield url, control.group()


@pytest.fixture(scope="module")
def frontend_url(server: tuple[str, str]) -> Iterator[str]:
    """The address that `npm run dev` serves."""
    npm = shutil.which("npm")
    if npm is None or not (FRONTEND / "node_modules").is_dir():
        pytest.skip("its packages are not installed: npm ci --prefix examples/frontend")
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
    flags = ["--port", str(port), "--strictPort"]
    variables = os.environ | {"VITE_GRAPHQL_URL": server[0], "NO_COLOR": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    command = [npm, "run", "dev", "--", *flags]
    with subprocess.Popen(command, cwd=FRONTEND, env=variables, text=True, start_new_session=True, **pipes) as running:
        try:
            said = []
            for line in running.stdout:
                said.append(line)
                if "Local:" in line:
                    break
            else:
                pytest.fail("".join(said))
            # Nobody reads on, and a full pipe would stop it.
            threading.Thread(target=running.stdout.read, daemon=True).start()
            yield f"http://localhost:{port}"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGTERM)


@pytest.fixture
def frontend(browser: Any, frontend_url: str, server: tuple[str, str]) -> Iterator[Frontend]:
    with window(browser, frontend_url, server[1]) as found:
        found.open()
        yield found
    found.tell_simulator("/faults")


def test_the_list_says_how_much_there_is_and_how_current(frontend: Frontend) -> None:
    expect(frontend.rows).to_have_count(PAGE)
    assert frontend.count > 10 * PAGE
    sources = frontend.page.get_by_label("How current the sources are").get_by_role("listitem")
    expect(sources).to_have_text([re.compile(r"Nexudus\s+as of .+"), re.compile(r"ChartMogul\s+as of .+")])
    assert sorted(frontend.names()) == ["Deals", "Pipelines"]


def test_the_list_is_filtered_and_a_filter_has_an_address(frontend: Frontend) -> None:
    everything = frontend.count
    page = frontend.page
    page.get_by_label("Status", exact=True).select_option("Open")
    page.get_by_label("Source", exact=True).select_option("ChartMogul")
    expect(page.locator("output")).not_to_have_text(f"{everything} deals")
    assert set(frontend.cells(2)) == {"Open"}
    assert all(text.endswith("· ChartMogul") for text in frontend.cells(3))
    of_source = frontend.count
    page.get_by_label("Pipeline", exact=True).select_option("Expansion (ChartMogul)")
    expect(page.locator("output")).not_to_have_text(f"{of_source} deals")
    assert all(text.endswith("Expansion · ChartMogul") for text in frontend.cells(3))
    page.get_by_label("Search").fill("NEGOTIATION")
    expect(frontend.rows.filter(has_text="Negotiation").first).to_be_visible()
    expect(frontend.rows.filter(has_not_text="Negotiation")).to_have_count(0)
    shown = frontend.deals()
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("NEGOTIATION")
    assert frontend.deals() == shown
    # A pipeline of another source fits no more.
    page.get_by_label("Source", exact=True).select_option("Nexudus")
    expect(page.get_by_label("Pipeline", exact=True)).to_have_value("")
    page.get_by_label("Search").fill("nobody has this name")
    expect(page.get_by_text("No deal fits.")).to_be_visible()


def test_the_list_is_ordered_by_its_columns(frontend: Frontend) -> None:
    def amounts() -> list[float]:
        return [float(text.split()[0].replace(",", "")) for text in frontend.cells(4) if text[0].isdigit()]

    heading = frontend.page.get_by_role("columnheader", name="Value")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    largest = amounts()
    assert largest == sorted(largest, reverse=True)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    smallest = amounts()
    assert smallest == sorted(smallest)
    assert smallest[-1] < largest[-1]


def test_pages_have_every_deal_once_and_go_back(frontend: Frontend) -> None:
    frontend.open("#/?source=NEXUDUS&status=LOST&field=CREATED_AT&direction=ASC")
    back, ahead = (frontend.page.get_by_role("button", name=name) for name in ("Previous", "Next"))
    expect(back).to_be_disabled()
    pages = [frontend.deals()]
    while ahead.is_enabled():
        frontend.turn("Next")
        pages.append(frontend.deals())
    seen = [deal for page in pages for deal in page]
    assert len(pages) > 1
    assert len(seen) == len(set(seen)) == frontend.count
    for page in pages[-2::-1]:
        frontend.turn("Previous")
        assert frontend.deals() == page
    expect(back).to_be_disabled()
    frontend.page.go_back()
    expect(back).to_be_enabled()


def test_a_listed_deal_is_shown_without_a_request_and_then_completed(frontend: Frontend) -> None:
    page, held = frontend.page, []

    def hold(route: Any) -> None:
        if route.request.post_data_json["operationName"] == "DealDetails":
            held.append(route)
        else:
            route.continue_()

    page.route("**/graphql", hold)
    row = frontend.rows.filter(has_text="ChartMogul").first
    amount = row.locator(".amount").inner_text()
    address = row.locator("a").get_attribute("href")
    frontend.names()
    row.get_by_role("link").click()
    expect(page.locator("dl").first).to_contain_text(amount)
    expect(page.get_by_text("Reading more…")).to_be_visible()
    assert frontend.names() == ["DealDetails"]
    held.pop().continue_()
    expect(page.get_by_label("Details")).to_contain_text("Likelihood")
    # From then on the cache has all of it, and what it has is shown while the source is asked again.
    page.get_by_role("link", name="All deals").click()
    with page.expect_request(lambda request: "DealDetails" in (request.post_data or "")):
        page.locator(f"a[href='{address}']").click()
    expect(page.get_by_label("Details")).to_contain_text("Likelihood")


def test_a_link_to_a_deal_works_without_a_list(frontend: Frontend) -> None:
    frontend.open(frontend.deals()[0])
    frontend.page.reload()
    expect(frontend.page.get_by_label("Details")).to_be_visible()
    expect(frontend.page.locator("dl").first).to_contain_text("Stage")


def test_what_is_not_there_is_said_once(frontend: Frontend) -> None:
    frontend.names()
    frontend.open("#/deals/bmV4dWR1czox")
    expect(frontend.page.get_by_role("status").filter(has_text="There is no such deal.")).to_be_visible()
    for address in ("#/deals/no-id", "#/deals/%"):  # the second is the beginning of an encoded character
        frontend.open(address)
        expect(frontend.page.get_by_role("alert")).to_contain_text("This address asks for what cannot be.")
    frontend.page.goto(f"{frontend.url}/#/?after=wrong")
    expect(frontend.page.get_by_role("alert")).to_contain_text("This address asks for what cannot be.")
    frontend.page.wait_for_timeout(300)  # what would ask again and again has asked again
    assert sorted(frontend.names()) == ["DealDetails", "DealDetails", "DealDetails", "Deals", "Pipelines"]
    # An error is no answer that could be kept.
    frontend.open("#/deals/no-id")
    expect(frontend.page.get_by_role("alert")).to_contain_text("This address asks for what cannot be.")
    expect(frontend.page.get_by_text("There is no such deal.")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_its_colours(scheme: str, browser: Any, frontend_url: str) -> None:
    with window(browser, frontend_url, viewport={"width": 400, "height": 800}, color_scheme=scheme) as found:
        found.open()
        width = "document.documentElement.scrollWidth"
        assert found.page.evaluate(width) == 400
        found.rows.filter(has_text="Nexudus").first.get_by_role("link").click()
        expect(found.page.get_by_label("Details")).to_be_visible()
        assert found.page.evaluate(width) == 400
        back = found.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", back))) > 3 * 128) is (scheme == "light")


def test_a_deal_that_its_source_has_no_more_is_said_at_its_row(frontend: Frontend) -> None:
    row = frontend.rows.filter(has_text="Nexudus").last
    address = row.get_by_role("link").get_attribute("href")
    frontend.open(address)
    id_ = int(frontend.page.locator("dd").filter(has_text=re.compile(r"^14\d{8}$")).inner_text())
    frontend.page.go_back()
    expect(frontend.rows).to_have_count(PAGE)
    frontend.tell_simulator("/deals", {"upstream": "nexudus", "id": id_})
    frontend.page.get_by_role("button", name="Ask the sources now").click()
    gone = frontend.page.locator("tr[data-check=missing]")
    expect(gone).to_contain_text("No longer in Nexudus.")
    expect(gone.get_by_role("link")).to_have_attribute("href", address)
    expect(frontend.page.locator("tr[data-check=current]")).to_have_count(PAGE - 1)


def test_a_failing_source_is_said_at_its_rows_and_hides_nothing(frontend: Frontend) -> None:
    page = frontend.page
    before = [frontend.cells(column) for column in (2, 3, 4, 5, 6)]
    frontend.tell_simulator("/faults", {"upstream": "nexudus", "fault": "503", "times": None})
    page.get_by_role("button", name="Ask the sources now").click()
    failed = page.locator("tr[data-check=UPSTREAM_UNAVAILABLE]")
    expect(failed.first).to_contain_text("Nexudus cannot be reached.")
    expect(failed).to_have_count(sum("· Nexudus" in stage for stage in before[1]))
    current = page.locator("tr[data-check=current]")
    expect(current).to_have_count(sum("· ChartMogul" in stage for stage in before[1]))
    expect(current.first).to_contain_text("Read just now")
    assert [frontend.cells(column) for column in (2, 3, 4, 5, 6)] == before
    assert frontend.names().count("DealsNow") == 1


def test_documents_by_name_are_enough_for_a_server_that_takes_no_others(browser: Any, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or not (FRONTEND / "node_modules").is_dir():
        pytest.skip("its packages are not installed: npm ci --prefix examples/frontend")
    copy = tmp_path / "examples" / "frontend"
    shutil.copytree(FRONTEND, copy, ignore=shutil.ignore_patterns("node_modules", "dist", "gql"))
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    (copy / "node_modules").symlink_to(FRONTEND / "node_modules")

    def build(script: str, **variables: str) -> None:
        environment = os.environ | {"PERSISTED_DOCUMENTS": "true", **variables}
        done = subprocess.run(
            [npm, "run", script], cwd=copy, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr

    build("codegen")
    manifest = copy / "src" / "gql" / "persisted-documents.json"
    with demo(tmp_path, PERSISTED_QUERIES="listed-only", PERSISTED_MANIFEST=str(manifest)) as url:
        build("build", VITE_GRAPHQL_URL=url)
        with serve(copy / "dist") as origin, window(browser, origin) as found:
            found.open()
            expect(found.rows).to_have_count(PAGE)
            found.rows.first.get_by_role("link").click()
            expect(found.page.get_by_label("Details")).to_be_visible()
            assert found.operations
            assert not any("query" in operation for operation in found.operations)
