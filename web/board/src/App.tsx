import { useEffect, useRef } from 'preact/hooks';
import { useNavigation } from './navigation';
import { FilterBar } from './parts/FilterBar';
import { Freshness, SourceWarnings } from './parts/Freshness';
import { NoticeScope } from './parts/Notices';
import { ThemeSwitch } from './parts/ThemeSwitch';
import { TotalsBar } from './parts/TotalsBar';
import { VIEWS } from './route';
import { useSession } from './session';
import { words } from './text';
import { Board } from './views/Board';
import { Charts } from './views/Charts';
import { DealDialog } from './views/DealDialog';
import { Table } from './views/Table';

const SHOWN = { board: Board, table: Table, charts: Charts };

export function App() {
  const { route, link } = useNavigation();
  const { credential, signIn, seesPeople } = useSession();
  const main = useRef<HTMLElement>(null);
  const View = SHOWN[route.view];
  useEffect(() => {
    if (!route.deal) document.title = `${words(route.view)} · Pipeline`;
  }, [route.view, route.deal]);
  return (
    <div class="page" data-view={route.view}>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the deals
      </button>
      <header>
        <div class="bar">
          <a class="brand" href="#/board">
            <svg viewBox="0 0 20 20" aria-hidden="true">
              <path d="M3 3h3.6v14H3z M8.2 3h3.6v9H8.2z M13.4 3H17v5h-3.6z" />
            </svg>
            Pipeline
          </a>
          <nav aria-label="Views">
            {VIEWS.map((view) => (
              <a key={view} href={link({ view, deal: undefined })} aria-current={view === route.view ? 'page' : undefined}>
                {words(view)}
              </a>
            ))}
          </nav>
          <Freshness />
          <div class="tools">
            {credential && (
              <button type="button" class="plain" onClick={() => signIn(undefined)}>
                Sign out
              </button>
            )}
            <ThemeSwitch />
          </div>
        </div>
        <FilterBar />
      </header>
      <main ref={main} tabIndex={-1} aria-label={words(route.view)}>
        <h1 class="hidden">{words(route.view)}</h1>
        <SourceWarnings />
        {!seesPeople && (
          <p class="note">
            Names, email addresses and owners are not shown: your credential lacks the scope <code>contacts:read</code>.
          </p>
        )}
        <NoticeScope>
          <TotalsBar />
          <View />
        </NoticeScope>
      </main>
      {route.deal && <DealDialog key={route.deal} id={route.deal} />}
    </div>
  );
}
