// Starts GraphiQL on the page. A script of its own, because the page's Content-Security-Policy forbids inline ones.
"use strict";

(() => {
  const root = document.getElementById("graphiql");
  // Relative addresses: the page works behind any path prefix, also behind a proxy that does not announce one.
  const endpoint = new URL(root.dataset.endpoint, location.href);
  const { React, ReactDOM, GraphiQL, GraphiQLPluginExplorer } = window;

  const HISTORY = ["graphiql:queries", "graphiql:favorites"];

  const notice = (text) => {
    const paragraph = document.createElement("p");
    paragraph.className = "notice";
    paragraph.textContent = text;
    root.replaceChildren(paragraph);
  };

  const problem = (message, reply) => ({ errors: [{ message }], ...(reply && { reply }) });

  // What is not a GraphQL response is shown as text, never thrown: GraphiQL prints a thrown error with its stack.
  const fetcher = async (params, options = {}) => {
    const headers = new Headers({
      accept: "application/graphql-response+json, application/json",
      "content-type": "application/json",
    });
    let reply;
    let text;
    try {
      for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
      reply = await fetch(endpoint, { method: "POST", credentials: "same-origin", headers, body: JSON.stringify(params) });
      text = await reply.text();
    } catch (error) {
      return problem(
        `No answer from ${endpoint.pathname} (${error.message}). The server may be down, the network may have failed, ` +
          "a header may not be valid, or a proxy may want you to sign in again: then reload the page.",
      );
    }
    try {
      return JSON.parse(text);
    } catch {
      const type = reply.headers.get("content-type") ?? "no content type";
      const status = `${reply.status} ${reply.statusText}`.trim();
      return problem(`${endpoint.pathname} answered ${status} with ${type}, which is not JSON.`, {
        status: reply.status,
        body: text.slice(0, 2000).split("\n"),
      });
    }
  };

  // Each endpoint keeps its own tabs: `localhost:8000` serves another project tomorrow. Null where storage is forbidden.
  const openStorage = () => {
    try {
      localStorage.getItem("graphiql");
      const storage = GraphiQL.createLocalStorage({ namespace: endpoint.pathname });
      // `shouldPersistHeaders: false` leaves out the history: it would keep every Authorization header ever sent.
      const { setItem } = storage;
      const withoutHeaders = (key, value) => (key === "headers" ? undefined : value);
      storage.setItem = (name, value) =>
        setItem(name, HISTORY.includes(name) ? JSON.stringify(JSON.parse(value), withoutHeaders) : value);
      return storage;
    } catch {
      return null;
    }
  };

  // The tabs that the user left here, if any. GraphiQL reads the same key, and ignores `defaultTabs` when it is set.
  const storedTab = (storage) => {
    try {
      const state = JSON.parse(storage.getItem("graphiql:tabState"));
      return state.tabs[state.activeTabIndex] ?? state.tabs[0] ?? null;
    } catch {
      return null;
    }
  };

  const loadSamples = async () => {
    try {
      const reply = await fetch(new URL(root.dataset.samples, location.href));
      return reply.ok ? await reply.json() : [];
    } catch {
      return [];
    }
  };

  // The tab of a link such as `?query={…}&variables={…}&operationName=…`, or null.
  const linkedTab = () => {
    const search = new URLSearchParams(location.search);
    const query = search.get("query");
    return query && { query, variables: search.get("variables") ?? "", operationName: search.get("operationName") };
  };

  // What GraphiQL has no property for, done once the editor is there. The property `operationName` would force the
  // link's operation on every tab.
  const adjustEditor = (operationName) =>
    function AdjustEditor() {
      const { queryEditor, setOperationName } = GraphiQL.React.useEditorContext({ nonNull: true });
      const done = React.useRef(false);
      React.useEffect(() => {
        if (!queryEditor || done.current) return;
        done.current = true;
        // The samples' comments are longer than the pane is wide.
        queryEditor.setOption("lineWrapping", true);
        if (operationName) setOperationName(operationName);
      });
      return null;
    };

  const start = (samples) => {
    const storage = openStorage();
    const linked = linkedTab();
    const stored = storedTab(storage);
    const tabs = [linked, ...samples].filter(Boolean).map(({ query, variables }) => ({ query, variables }));
    // GraphiQL opens the tab whose contents equal `query` and `variables`, and adds one if none does. So they are always
    // given: the link's tab, else the tab the user left, else the first sample (whose variables it would forget).
    const active = linked ?? stored ?? tabs[0];
    // GraphiQL reads which side pane was open but never writes it. A first visit on a wide screen starts with the docs.
    const rememberPane = (plugin) => storage?.setItem("graphiql:visiblePlugin", plugin?.title ?? "");
    if (!stored && window.innerWidth >= 1000) rememberPane(GraphiQL.React.DOC_EXPLORER_PLUGIN);
    const element = React.createElement(
      GraphiQL,
      {
        fetcher,
        storage,
        defaultTabs: tabs.length ? tabs : undefined,
        query: active ? (active.query ?? "") : undefined,
        variables: active ? (active.variables ?? "") : undefined,
        defaultEditorToolsVisibility: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        shouldPersistHeaders: false,
        plugins: [GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false })],
        onTogglePluginVisibility: rememberPane,
        toolbar: { additionalComponent: adjustEditor(linked?.operationName) },
      },
      React.createElement(GraphiQL.Logo, null, root.dataset.title),
    );
    ReactDOM.createRoot(root).render(element);
  };

  if (React && ReactDOM && GraphiQL && GraphiQLPluginExplorer) loadSamples().then(start);
  else notice("GraphiQL could not be loaded. Reload the page; if that does not help, the server's files are incomplete.");
})();
