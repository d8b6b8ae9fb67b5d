"""The GraphiQL page in a real browser, offline and under its strict Content-Security-Policy.

Each test ends with two checks of the fixture `page`: no request left for another host, and the browser had nothing to
complain of: no error or warning on its console, no violation of the policy.
"""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

import pytest
from graphql import get_operation_ast, parse

from tests import credentials
from tests.frontends import demo

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect
expect.set_options(timeout=20_000)  # of a busy machine; what is there is found at once

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

KEY = "a-key-for-people"
NO_ID = '{ opportunity(id: "x") { id } }'


@pytest.fixture(scope="module")
def graphiql_url(tmp_path_factory) -> Iterator[str]:
    """The address of a server that asks for no credential."""
    with demo(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture(scope="module")
def guarded_url(tmp_path_factory) -> Iterator[str]:
    """The address of a server that asks for an API key or a token."""
    settings = {"JWT_ISSUER": "https://issuer.example", "JWT_AUDIENCE": "graph", "JWT_JWKS_URL": "https://127.0.0.1:9/"}
    with demo(tmp_path_factory.mktemp("guarded"), API_KEYS=credentials.line("people", KEY), **settings) as url:
        yield url


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
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    # The console names most violations, this event all of them.
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation', (violation) =>"
        " console.error('violation', violation.effectiveDirective, violation.blockedURI))"
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def page(window, graphiql_url, guarded_url, complaints):
    """The page of somebody who was never here."""
    hosts = set()
    watched = {
        "request": lambda request: hosts.add(urlsplit(request.url).netloc),
        "console": lambda said: said.type in {"error", "warning"} and complaints.append(said.text),
        "weberror": lambda failure: complaints.append(str(failure.error)),
    }
    window.set_viewport_size({"width": 1280, "height": 800})
    window.emulate_media(color_scheme="light")
    servers = (graphiql_url, guarded_url)
    for url in servers:
        window.goto(url.replace("/graphql", "/graphiql/icon.svg"))
        window.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    for event, listener in watched.items():
        window.context.on(event, listener)
    yield window
    window.unroute_all()
    window.goto("about:blank")
    for event, listener in watched.items():
        window.context.remove_listener(event, listener)
    # `data:` addresses have no host: GraphiQL's stylesheet carries its fonts and cursors that way.
    assert hosts - {""} <= {urlsplit(url).netloc for url in servers}
    assert complaints == []


def visit(page, url):
    """Open the page and wait until GraphiQL knows the schema."""
    page.goto("about:blank")  # else an address that differs in its fragment alone loads nothing
    with page.expect_response(lambda reply: "IntrospectionQuery" in (reply.request.post_data or "")):
        page.goto(url)
    expect(query_editor(page).locator(".view-line").first).to_be_visible()


def link_to(url, query):
    return f"{url}#{urlencode({'query': query})}"


def query_editor(page):
    return page.locator(".graphiql-query-editor .monaco-editor").first


def tool_editor(page):
    """The editor of variables or headers, whichever is open."""
    return page.locator(".graphiql-editor-tool .graphiql-editor:not(.hidden) .monaco-editor").first


def text_of(editor):
    """What an editor shows: its spaces are no-break spaces."""
    return editor.locator(".view-lines").inner_text().replace("\xa0", " ")


def tabs(page):
    return page.locator(".graphiql-tab-button")


def active_tab(page):
    return page.locator(".graphiql-tab-active .graphiql-tab-button")


def result(page):
    return page.locator(".result-window")


def answer_bar(page):
    return page.get_by_role("status", name="Answer")


def execute(page):
    """Press the button, once the editors are there: before, it does nothing."""
    expect(query_editor(page).locator(".view-lines")).to_have_text(re.compile(r"\S"))
    expect(result(page).locator(".monaco-editor").first).to_be_visible()
    page.get_by_role("button", name="Execute query").click()


def hover(page, word):
    """Hover over a word of an editor until it says something: one that is still being drawn does not notice."""
    for _ in range(10):
        word.hover()
        try:
            expect(page.locator(".monaco-hover:visible")).not_to_be_empty(timeout=2_000)
            return
        except AssertionError:
            page.mouse.move(0, 0)


def write(page, text, editor=None):
    """Replace the text of an editor, the query's by default."""
    (editor or query_editor(page)).locator(".view-lines").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def copied(page, button):
    """Press a button that copies until it says so, and return what it copied; it says so for two seconds alone."""
    expect(query_editor(page).locator(".view-lines")).to_have_text(re.compile(r"\S"))
    for _ in range(5):
        page.get_by_role("button", name=button, exact=True).click()
        try:
            expect(page.get_by_text("Copied").first).to_be_visible(timeout=4_000)
            break
        except AssertionError:
            page.bring_to_front()
    else:
        pytest.fail(f"{button}: nothing says that it was copied")
    return page.evaluate("navigator.clipboard.readText()")


def focused(page):
    return page.evaluate("document.activeElement.tagName")


def wait_until_stored(page, text):
    page.wait_for_function("text => (localStorage['/graphql:graphiql:tabState'] ?? '').includes(text)", arg=text)


def test_a_first_visit_finds_a_tab_per_sample_the_docs_and_a_query_that_runs(page, graphiql_url, names):
    visit(page, graphiql_url)
    expect(tabs(page)).to_have_text(names)
    docs = page.locator(".graphiql-doc-explorer")
    docs.get_by_role("link", name="Query", exact=True).click()
    expect(docs).to_contain_text("The opportunity with this global id")
    execute(page)
    expect(result(page)).to_contain_text('"data"')
    expect(result(page)).not_to_contain_text('"errors"')
    expect(answer_bar(page)).to_have_text(re.compile(r"^200 OK\d+ ms\d+(\.\d)? kBrequest [0-9a-f]{32}$"))


def test_the_fields_of_gateways_are_last_in_the_docs_and_in_the_explorer(page, graphiql_url):
    visit(page, graphiql_url)
    page.locator(".graphiql-doc-explorer").get_by_role("link", name="Query", exact=True).click()
    fields = page.locator(".graphiql-doc-explorer-item .graphiql-doc-explorer-field-name")
    expect(fields.last).to_have_text(re.compile("_entities|_service"))
    assert fields.all_inner_texts()[-2:] == ["_entities", "_service"]
    page.get_by_role("button", name="Show GraphiQL Explorer").click()
    shown = page.locator(".graphiql-explorer-root .graphiql-explorer-node").filter(has_text=re.compile("^_"))
    expect(shown.last).to_have_text("_service")
    explored = page.locator(".graphiql-explorer-root").inner_text().split()
    assert explored.index("sources") < explored.index("_entities") < explored.index("_service")


def test_every_pane_dialog_and_popup_works_under_the_policy(page, graphiql_url):
    visit(page, graphiql_url)
    page.get_by_role("button", name="Show GraphiQL Explorer").click()
    expect(page.locator(".graphiql-explorer-root")).to_contain_text("opportunity")
    execute(page)
    page.get_by_role("button", name="Show History").click()
    expect(page.locator(".graphiql-history-items").get_by_role("listitem")).to_have_count(1)
    for button, heading in (("Open settings dialog", "Settings"), ("Open short keys dialog", "Short Keys")):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog", name=heading)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="New tab").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("New tab")
    write(page, "{ ")
    page.keyboard.type("opportunitiesB")
    suggested = page.locator(".suggest-widget .monaco-list-row.focused")
    expect(suggested).to_contain_text("opportunitiesById")  # which Enter takes; before, it would be a line break
    page.keyboard.press("Enter")
    expect(page.locator(".suggest-widget.visible")).to_have_count(0)
    hover(page, query_editor(page).get_by_text("opportunitiesById").first)
    expect(page.locator(".monaco-hover:visible")).to_contain_text("Query.opportunitiesById")


def test_the_tabs_a_user_left_are_found_again_and_nothing_takes_the_focus(page, graphiql_url, names):
    visit(page, graphiql_url)
    tabs(page).nth(1).click()
    write(page, 'query Mine { opportunity(id: "x") { id } }')
    wait_until_stored(page, "query Mine")
    page.get_by_role("button", name="Show GraphiQL Explorer").click()
    visit(page, graphiql_url)
    expect(tabs(page)).to_have_text([names[0], "Mine", *names[2:]])
    expect(active_tab(page)).to_have_text("Mine")
    assert "query Mine" in text_of(query_editor(page))
    expect(page.locator(".graphiql-explorer-root input[value=x]")).to_be_visible()
    assert focused(page) == "BODY"


def test_a_tab_that_was_just_opened_is_what_is_executed(page, graphiql_url, names):
    """GraphiQL would send the former tab's operation for a tenth of a second."""
    visit(page, graphiql_url)
    with page.expect_request(graphiql_url) as sent:
        page.evaluate(
            """() => {
              document.querySelectorAll('.graphiql-tab-button')[1].click();
              document.querySelector('.graphiql-execute-button').click();
            }"""
        )
    assert sent.value.post_data_json["operationName"] == names[1]
    expect(answer_bar(page)).to_contain_text("200 OK")


def test_each_tab_tells_of_its_own_request(page, graphiql_url):
    visit(page, graphiql_url)
    execute(page)
    expect(answer_bar(page)).to_contain_text("200 OK")
    told = answer_bar(page).inner_text()
    tabs(page).nth(1).click()
    expect(page.get_by_text("No answer yet")).to_be_visible()
    execute(page)
    expect(answer_bar(page)).to_contain_text("200 OK")
    assert answer_bar(page).inner_text() != told
    tabs(page).first.click()
    expect(answer_bar(page)).to_have_text(re.sub(r"\n", "", told))


@pytest.mark.parametrize("mark", ["?", "#"])
def test_a_link_opens_its_query_beside_the_tabs_that_are_there(page, graphiql_url, names, mark):
    link = {"query": "query Second($id: ID!) { opportunity(id: $id) { id } }", "variables": '{"id": "linked"}'}
    visit(page, f"{graphiql_url}{mark}{urlencode(link)}")
    expect(tabs(page)).to_have_text(["Second", *names])
    assert '"linked"' in text_of(tool_editor(page))
    with page.expect_request(graphiql_url) as sent:
        execute(page)
    asked = sent.value.post_data_json
    assert (asked["operationName"], asked["variables"]) == ("Second", {"id": "linked"})
    wait_until_stored(page, "linked")
    visit(page, link_to(graphiql_url, "query Later { __typename }"))
    expect(tabs(page)).to_have_text(["Second", *names, "Later"])
    expect(active_tab(page)).to_have_text("Later")


def test_what_is_shared_is_the_query_with_its_variables(page, graphiql_url):
    query = "query Its($text: String) { opportunities(first: 1, search: $text) { totalCount } }"
    link = {"query": query, "variables": '{"text": "it\'s"}'}
    visit(page, f"{graphiql_url}#{urlencode(link)}")
    shared = urlsplit(copied(page, "Copy link to this query"))
    assert dict(parse_qsl(shared.fragment)) == link
    command = copied(page, "Copy as curl")
    body = {"query": query, "variables": {"text": "it's"}, "operationName": "Its"}
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:4] == ["curl", graphiql_url, "-H", "Content-Type: application/json"]
    assert json.loads(words[-1]) == body
    visit(page, shared.geturl())
    expect(active_tab(page)).to_have_text("Its")


SUBSCRIPTION = "subscription Its { opportunityChanges { cursor } }"
BROKEN_OFF = re.compile(r"The\sstream\sbroke")


def test_a_subscription_goes_on_until_it_is_stopped(page, graphiql_url):
    visit(page, link_to(graphiql_url, SUBSCRIPTION))
    execute(page)
    expect(result(page)).to_contain_text('"events"')
    expect(result(page)).to_contain_text('"cursor"')
    expect(answer_bar(page)).to_contain_text("200 OK")
    with page.expect_event("requestfailed") as ended:
        page.get_by_role("button", name="Stop query").click()
    assert ended.value.headers["accept"] == "text/event-stream"
    expect(page.get_by_role("button", name="Execute query")).to_be_visible()
    expect(result(page)).not_to_contain_text(BROKEN_OFF)


def test_a_refused_subscription_is_told_and_over(page, graphiql_url):
    visit(page, link_to(graphiql_url, 'subscription { opportunityChanges(after: "x") { cursor } }'))
    execute(page)
    expect(answer_bar(page)).to_contain_text("BAD_USER_INPUT")
    expect(page.get_by_role("button", name="Execute query")).to_be_visible()
    expect(result(page)).not_to_contain_text(BROKEN_OFF)


def test_the_newest_event_is_first_and_a_stream_that_breaks_off_says_so(page, graphiql_url):
    def answer(route):
        if route.request.headers["accept"] != "text/event-stream":
            return route.continue_()
        events = "".join(f'event: next\ndata: {{"data": "é{number}"}}\n\n:\n\n' for number in (1, 2))
        return route.fulfill(headers={"content-type": "text/event-stream; charset=utf-8"}, body=events)

    page.route(graphiql_url, answer)
    visit(page, link_to(graphiql_url, SUBSCRIPTION))
    execute(page)
    expect(result(page)).to_contain_text(re.compile(BROKEN_OFF.pattern + '.*"é2".*"é1"', re.DOTALL))


def test_a_shared_command_follows_a_subscription(page, graphiql_url):
    visit(page, link_to(graphiql_url, SUBSCRIPTION))
    words = shlex.split(copied(page, "Copy as curl").replace("\\\n", ""))
    assert words[:4] == ["curl", "--no-buffer", graphiql_url, "-H"]
    assert "Accept: text/event-stream" in words


def test_a_request_header_is_sent_and_never_stored(page, graphiql_url):
    visit(page, graphiql_url)
    page.get_by_role("button", name="Headers").click()
    write(page, '{"authorization": "Bearer s3cret"}', tool_editor(page))
    with page.expect_request(graphiql_url) as sent:
        execute(page)
    assert sent.value.headers["authorization"] == "Bearer s3cret"
    assert sent.value.headers["content-type"] == "application/json"
    assert sent.value.headers["accept"] == "application/graphql-response+json, application/json"
    tabs(page).nth(1).click()
    page.wait_for_function("() => JSON.parse(localStorage['/graphql:graphiql:tabState'] ?? '{}').activeTabIndex === 1")
    stored = page.evaluate("Object.entries(localStorage)")
    assert any(name.endswith(":queries") for name, _ in stored)
    assert "s3cret" not in str(stored)
    assert "s3cret" not in copied(page, "Copy as curl") + copied(page, "Copy link to this query")


def test_records_are_listed_to_take_ids_from(page, graphiql_url):
    with urlopen(f"{graphiql_url}?{urlencode({'query': '{opportunities(first: 1){totalCount nodes{id}}}'})}") as reply:
        listed = json.load(reply)["data"]["opportunities"]
    visit(page, graphiql_url)
    page.get_by_role("button", name="Show Records").click()
    records = page.get_by_role("region", name="Records")
    expect(records.get_by_role("status")).to_have_text(f"50 of {listed['totalCount']} deals, the last changed first")
    records.get_by_role("button", name="Copy id", exact=True).first.click()
    expect(records.get_by_role("button", name="Copied")).to_be_visible()
    (id_,) = [one["id"] for one in listed["nodes"]]
    assert page.evaluate("navigator.clipboard.readText()") == id_
    records.get_by_label("Search deals").fill("nobody has this name")
    page.keyboard.press("Enter")
    expect(records.get_by_role("status")).to_have_text("No deal is found.")
    records.get_by_label("Search deals").fill("")
    page.keyboard.press("Enter")
    records.get_by_role("button", name="Open query").first.click()
    expect(active_tab(page)).to_have_text("OneDeal")
    assert id_ in re.sub(r"\s", "", text_of(tool_editor(page)))  # which is wrapped
    execute(page)
    expect(result(page)).to_contain_text('"sourceId"')


def test_the_code_of_an_error_leads_to_its_description(page, graphiql_url):
    visit(page, link_to(graphiql_url, NO_ID))
    execute(page)
    answer_bar(page).get_by_role("link", name="BAD_USER_INPUT").click()
    codes = page.get_by_role("region", name="Error codes")
    expect(codes.get_by_role("heading", name="BAD_USER_INPUT")).to_be_focused()
    expect(codes).to_contain_text("an id that this graph did not issue")
    visit(page, f"{graphiql_url}#upstream_timeout")
    expect(codes.get_by_role("heading", name="UPSTREAM_TIMEOUT")).to_be_visible()
    codes.get_by_role("button", name="STORE_STALE").click()
    expect(codes.get_by_role("heading", name="STORE_STALE")).to_be_visible()


def test_an_answer_that_is_no_json_is_shown_as_text(page, graphiql_url):
    visit(page, graphiql_url)
    page.route(graphiql_url, lambda route: route.fulfill(content_type="text/html", body="<h1>Sign in</h1>\n"))
    execute(page)
    expect(result(page)).to_contain_text("/graphql answered 200 OK with")
    expect(result(page)).to_contain_text("<h1>Sign in</h1>")


def test_a_network_failure_is_shown_as_text(page, graphiql_url, complaints):
    visit(page, graphiql_url)
    page.route(graphiql_url, lambda route: route.abort())
    execute(page)
    expect(result(page)).to_contain_text("No answer from /graphql (Failed to fetch).")
    assert complaints == ["Failed to load resource: net::ERR_FAILED"]
    complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_fits_the_window_and_is_as_bright_as_the_user_wants(page, graphiql_url, width, scheme, tmp_path):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    visit(page, graphiql_url)
    execute(page)
    expect(result(page)).to_contain_text('"totalCount"')
    page.screenshot(path=tmp_path / f"{width}-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for part in (page.get_by_role("button", name="Execute query"), answer_bar(page), query_editor(page), result(page)):
        expect(part).to_be_in_viewport(ratio=0.99)
    assert result(page).bounding_box()["width"] > min(350, width / 3.5)
    assert result(page).bounding_box()["height"] > 200
    background = page.evaluate("getComputedStyle(document.querySelector('.graphiql-container')).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3]))
    assert brightness > 700 if scheme == "light" else brightness < 200


def test_a_query_is_executed_and_an_error_looked_up_by_keyboard_alone(page, graphiql_url):
    visit(page, link_to(graphiql_url, NO_ID))

    def tab_to(name):
        for _ in range(80):
            page.keyboard.press("Tab")
            found = page.evaluate(
                "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"
            )
            if name in found:
                return
        raise AssertionError(f"{name} is not reached")

    tab_to("Hide Documentation Explorer")  # else each of its links is a stop on the way
    page.keyboard.press("Enter")
    tab_to("Execute query")
    page.keyboard.press("Enter")
    expect(answer_bar(page)).to_contain_text("BAD_USER_INPUT")
    tab_to("BAD_USER_INPUT")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="BAD_USER_INPUT")).to_be_focused()


def test_a_key_that_is_asked_for_is_kept_for_this_tab_alone(page, guarded_url, complaints):
    page.goto(guarded_url)
    signing_in = page.get_by_role("region", name="Signing in")
    expect(signing_in.get_by_role("alert")).to_have_text("The server asks for an API key or a token.")
    secret = signing_in.get_by_label("API key", exact=True)
    secret.fill("wrong")
    page.keyboard.press("Enter")
    expect(signing_in.get_by_role("alert")).to_have_text("The server does not accept this API key.")
    assert len(complaints) == 1
    complaints.clear()
    signing_in.get_by_role("button", name="Sign out").click()
    secret.fill(KEY)
    page.keyboard.press("Enter")
    expect(signing_in).to_have_text("Signed in with an API key, in this tab. Sign out")
    expect(page.locator(".graphiql-doc-explorer")).to_contain_text("query: Query")
    expect(result(page)).not_to_contain_text("UNAUTHENTICATED")
    execute(page)
    expect(answer_bar(page)).to_contain_text("200 OK")
    assert '"X-API-Key: $API_KEY"' in copied(page, "Copy as curl")
    assert KEY not in copied(page, "Copy as curl") + copied(page, "Copy link to this query") + page.url
    assert KEY not in str(page.evaluate("Object.entries(localStorage)"))
    stored = page.evaluate("JSON.parse(sessionStorage['opportunity-graph.credential'])")
    assert stored == {"header": "X-API-Key", "value": KEY}
    visit(page, guarded_url)
    expect(signing_in).to_contain_text("Signed in with an API key")
    another = page.context.new_page()
    another.goto(guarded_url)
    expect(another.get_by_role("region", name="Signing in").get_by_role("alert")).to_be_visible()
    another.close()
    signing_in.get_by_role("button", name="Sign out").click()
    expect(secret).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_token_is_sent_as_a_bearer_token(page, guarded_url, complaints):
    page.goto(guarded_url)
    signing_in = page.get_by_role("region", name="Signing in")
    signing_in.get_by_label("Kind of credential").select_option("token")
    signing_in.get_by_label("Token", exact=True).fill("Bearer abc.def.ghi")
    with page.expect_request(guarded_url) as sent:
        page.keyboard.press("Enter")
    assert sent.value.headers["authorization"] == "Bearer abc.def.ghi"
    expect(signing_in.get_by_role("alert")).to_have_text("The server does not accept this token.")
    complaints.clear()


def test_a_schema_that_is_closed_is_told(browser, tmp_path):
    settings = {"PRODUCTION": "true", "GRAPHIQL": "true", "API_KEYS": credentials.line("people", KEY)}
    with demo(tmp_path, **settings) as url:
        context = browser.new_context()
        closed = context.new_page()
        closed.goto(url)
        closed.get_by_label("API key").fill(KEY)
        closed.keyboard.press("Enter")
        # Beside those that the editor has for itself.
        told = closed.get_by_role("alert").filter(has_text="does not show its schema to this caller")
        expect(told).to_be_visible()
        execute(closed)
        expect(answer_bar(closed)).to_contain_text("200 OK")
        context.close()
