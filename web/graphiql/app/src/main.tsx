// Starts GraphiQL on the page, with what is around it.
import './style_nonce';
import './workers';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import type { Fetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { useMemo } from 'react';
import { createRoot } from 'react-dom/client';
import { AnswerBar } from './answer_bar';
import { EditorOptions } from './editor_options';
import { ERROR_CODES } from './error_codes';
import { fetcher } from './fetcher';
import { linkedCode, linkedQuery } from './link';
import { page } from './page';
import { RECORD_LIST } from './records';
import { SignIn } from './sign_in';
import { usePage } from './state';
import { storage, storedTab, type Tab } from './storage';
import { ShareButtons } from './share_buttons';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

const NARROW = 700; // as in page.css
const WIDE = 1000;
const PLUGINS = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false }), RECORD_LIST, ERROR_CODES];

async function loadSamples(): Promise<Tab[]> {
  try {
    const reply = await fetch(page.samples);
    return reply.ok ? await reply.json() : [];
  } catch {
    return [];
  }
}

function firstPane(isFirstVisit: boolean) {
  const code = linkedCode();
  if (code) {
    usePage.setState({ shownCode: code });
    storage?.removeItem('graphiql:visiblePlugin'); // GraphiQL would prefer the pane that was left open
    return ERROR_CODES;
  }
  return isFirstVisit && window.innerWidth >= WIDE ? DOC_EXPLORER_PLUGIN : undefined;
}

function App({ samples }: { samples: Tab[] }) {
  const credential = usePage((state) => state.credential);
  // GraphiQL reads the schema again when it gets another fetcher.
  const fetch = useMemo((): Fetcher => (params, options) => fetcher(params, options), [credential]);
  const opened = useMemo(() => {
    const linked = linkedQuery();
    const stored = storedTab();
    const tabs = [linked, ...samples].filter((tab) => tab !== null).map(({ query, variables }) => ({ query, variables }));
    // GraphiQL opens the tab whose contents equal `initialQuery` and `initialVariables`, and adds one if none does. So
    // they are always given: the link's, else those of the tab that the user left, else the first sample's.
    const { query, variables } = linked ?? stored ?? tabs[0] ?? { query: null, variables: null };
    return {
      ...(tabs.length && { defaultTabs: tabs }),
      initialQuery: query ?? '',
      initialVariables: variables ?? '',
      visiblePlugin: firstPane(!stored),
    };
  }, [samples]);
  return (
    <>
      <SignIn />
      <GraphiQL
        {...opened}
        fetcher={fetch}
        storage={storage}
        plugins={PLUGINS}
        defaultEditorToolsVisibility={window.innerWidth > NARROW}
        schemaDescription
        inputValueDeprecation
        shouldPersistHeaders={false}
      >
        <EditorOptions />
        <GraphiQL.Logo>{page.title}</GraphiQL.Logo>
        <GraphiQL.Toolbar>
          {({ prettify, merge, copy }) => (
            <>
              {prettify}
              {merge}
              {copy}
              <ShareButtons />
            </>
          )}
        </GraphiQL.Toolbar>
        <GraphiQL.Footer>
          <AnswerBar />
        </GraphiQL.Footer>
      </GraphiQL>
    </>
  );
}

void loadSamples().then((samples) => createRoot(page.root).render(<App samples={samples} />));
