"""The GraphiQL page in a real browser, offline and under its strict Content-Security-Policy.

Each test ends with two checks of the fixture `page`: no request left for another host, and the browser had nothing to
complain of: no error or warning on its console, no violation of the policy.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
from graphql import get_operation_ast, parse

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(NAMES)} is installed")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SERVER = Path(__file__).resolve().parent.parent / "server.py"


@pytest.fixture(scope="module")
def graphiql_url(tmp_path_factory) -> Iterator[str]:
    """The address of the demo server, a process of its own, out of reach of the developer's settings."""
    command = [sys.executable, SERVER, "--demo", "--port", "0"]
    variables = {"PATH": os.environ.get("PATH", ""), "SHUTDOWN_DELAY_SECONDS": "0"}
    folder = tmp_path_factory.mktemp("server")
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True) as server:
        greeting = server.stdout.readline()
        yield re.search(r"http://\S+/graphql", greeting).group()
        server.terminate()


@pytest.fixture(scope="module")
def names(graphiql_url):
    """The names of the tabs of a first visit: GraphiQL names a tab after its operation."""
    with urlopen(graphiql_url.replace("/graphql", "/graphiql/samples.json"), timeout=30) as reply:
        samples = json.load(reply)
    return [get_operation_ast(parse(sample["query"])).name.value for sample in samples]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def complaints():
    """What the browser complained of. A test that provokes a complaint looks at it and clears the list."""
    return []


@pytest.fixture(scope="module")
def window(browser):
    """One page for all tests: to read and compile GraphiQL's scripts takes longer than what a test does with them."""
    context = browser.new_context()
    # The console names most violations, this event all of them.
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation', (violation) =>"
        " console.error('violation', violation.effectiveDirective, violation.blockedURI))"
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def page(window, graphiql_url, complaints):
    """The page of somebody who was never here."""
    hosts = set()
    watched = {
        "request": lambda request: hosts.add(urlsplit(request.url).netloc),
        "console": lambda said: said.type in {"error", "warning"} and complaints.append(said.text),
        "weberror": lambda failure: complaints.append(str(failure.error)),
    }
    window.set_viewport_size({"width": 1280, "height": 800})
    stored = {"origin": graphiql_url.removesuffix("/graphql"), "storageTypes": "all"}
    window.context.new_cdp_session(window).send("Storage.clearDataForOrigin", stored)
    for event, listener in watched.items():
        window.context.on(event, listener)
    yield window
    window.unroute_all()
    window.goto("about:blank")
    for event, listener in watched.items():
        window.context.remove_listener(event, listener)
    # `data:` addresses have no host: GraphiQL's stylesheet carries its fonts and cursors that way.
    assert hosts - {""} <= {urlsplit(graphiql_url).netloc}
    assert complaints == []


def visit(page, url):
    """Open the page and wait until GraphiQL knows the schema."""
    with page.expect_response(lambda reply: "IntrospectionQuery" in (reply.request.post_data or "")):
        page.goto(url)
    expect(query_editor(page)).to_be_visible()


def query_editor(page):
    return page.get_by_label("Query Editor").locator(".CodeMirror")


def tabs(page):
    return page.locator(".graphiql-tab-button")


def active_tab(page):
    return page.locator(".graphiql-tab-active .graphiql-tab-button")


def result(page):
    return page.locator(".result-window")


def write(page, text, editor=None):
    """Replace the text of an editor, the query's by default."""
    (editor or query_editor(page)).click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def wait_until_stored(page, text):
    page.wait_for_function("text => (localStorage['/graphql:graphiql:tabState'] ?? '').includes(text)", arg=text)


def test_a_first_visit_finds_a_tab_per_sample_the_docs_and_a_query_that_runs(page, graphiql_url, names):
    visit(page, graphiql_url)
    expect(tabs(page)).to_have_text(names)
    docs = page.locator(".graphiql-doc-explorer")
    docs.get_by_role("link", name="Query", exact=True).click()
    expect(docs).to_contain_text("The opportunity with this global id")
    page.get_by_role("button", name="Execute query").click()
    expect(result(page)).to_contain_text('"data"')
    expect(result(page)).not_to_contain_text('"errors"')


def test_every_pane_dialog_and_popup_works_under_the_policy(page, graphiql_url):
    visit(page, graphiql_url)
    tabs(page).filter(has_text="OwnWords").click()  # the explorer complains of arguments that are lists of enums
    page.get_by_role("button", name="Show GraphiQL Explorer").click()
    expect(page.locator(".graphiql-explorer-root")).to_contain_text("opportunity")
    page.get_by_role("button", name="Execute query").click()
    page.get_by_role("button", name="Show History").click()
    expect(page.locator(".graphiql-history-items").get_by_role("listitem")).to_have_count(1)
    for button, heading in (("Open settings dialog", "Settings"), ("Open short keys dialog", "Short Keys")):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog", name=heading)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Add tab").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Add tab")
    write(page, "{ ")
    page.keyboard.type("opp")
    expect(page.locator(".CodeMirror-hints")).to_contain_text("opportunity")
    page.keyboard.press("Enter")
    query_editor(page).locator(".cm-property", has_text="opportunity").hover()
    expect(page.locator(".CodeMirror-info")).to_contain_text("The opportunity with this global id")


def test_the_tabs_a_user_left_are_found_again(page, graphiql_url, names):
    visit(page, graphiql_url)
    tabs(page).nth(1).click()
    write(page, "query Mine { __typename }")
    wait_until_stored(page, "query Mine")
    page.get_by_role("button", name="Hide Documentation Explorer").click()
    visit(page, graphiql_url)
    expect(tabs(page)).to_have_text([names[0], "Mine", *names[2:]])
    expect(active_tab(page)).to_have_text("Mine")
    expect(query_editor(page)).to_contain_text("query Mine")
    expect(page.get_by_role("button", name="Show Documentation Explorer")).to_be_visible()


def test_a_link_opens_its_query_beside_the_tabs_that_are_there(page, graphiql_url, names):
    query = "query First { __typename }\nquery Second($id: ID!) { opportunity(id: $id) { id } }"
    link = {"query": query, "variables": '{"id": "linked"}', "operationName": "Second"}
    visit(page, f"{graphiql_url}?{urlencode(link)}")
    expect(tabs(page)).to_have_text(["Second", *names])
    expect(page.get_by_label("Variables", exact=True)).to_contain_text('"linked"')
    page.get_by_role("button", name="Execute query").click()
    with page.expect_request(graphiql_url) as sent:
        page.get_by_role("menuitem", name="Second").click()
    asked = sent.value.post_data_json
    assert (asked["operationName"], asked["variables"]) == ("Second", {"id": "linked"})
    wait_until_stored(page, "linked")
    visit(page, f"{graphiql_url}?{urlencode({'query': 'query Later { __typename }'})}")
    expect(tabs(page)).to_have_text([re.compile("First|Second"), *names, "Later"])
    expect(active_tab(page)).to_have_text("Later")


def test_a_request_header_is_sent_and_never_stored(page, graphiql_url):
    visit(page, graphiql_url)
    page.get_by_role("button", name="Headers").click()
    write(page, '{"authorization": "Bearer s3cret"}', page.locator(".graphiql-editor-tool .CodeMirror:visible"))
    with page.expect_request(graphiql_url) as sent:
        page.get_by_role("button", name="Execute query").click()
    assert sent.value.headers["authorization"] == "Bearer s3cret"
    assert sent.value.headers["content-type"] == "application/json"
    assert sent.value.headers["accept"] == "application/graphql-response+json, application/json"
    tabs(page).nth(1).click()
    page.wait_for_function("() => JSON.parse(localStorage['/graphql:graphiql:tabState'] ?? '{}').activeTabIndex === 1")
    stored = page.evaluate("Object.entries(localStorage)")
    assert any(name.endswith(":queries") for name, _ in stored)
    assert "s3cret" not in str(stored)


def test_an_answer_that_is_no_json_is_shown_as_text(page, graphiql_url):
    visit(page, graphiql_url)
    page.route(graphiql_url, lambda route: route.fulfill(content_type="text/html", body="<h1>Sign in</h1>\n"))
    page.get_by_role("button", name="Execute query").click()
    expect(result(page)).to_contain_text("/graphql answered 200 OK with text/html, which is not JSON.")
    expect(result(page)).to_contain_text("<h1>Sign in</h1>")


def test_a_network_failure_is_shown_as_text(page, graphiql_url, complaints):
    visit(page, graphiql_url)
    page.route(graphiql_url, lambda route: route.abort())
    page.get_by_role("button", name="Execute query").click()
    expect(result(page)).to_contain_text("No answer from /graphql (Failed to fetch).")
    assert complaints == ["Failed to load resource: net::ERR_FAILED"]
    complaints.clear()


@pytest.mark.parametrize("width", [700, 1280])
def test_the_page_fits_the_window(page, graphiql_url, width):
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, graphiql_url)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    expect(page.get_by_role("button", name="Execute query")).to_be_in_viewport()
