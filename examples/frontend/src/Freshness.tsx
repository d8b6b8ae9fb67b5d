import { useQuery } from '@apollo/client/react';
import { SOURCES } from './documents';
import type { SourcesQuery } from './gql/graphql';
import { sourceName } from './failures';
import { ago, useNow, words } from './text';

type Status = SourcesQuery['sources'][number]['status'];

function standing(status: Status, now: number): string {
  if (!status) return 'not known';
  const { asOf, progress, state, lastError } = status;
  const reading = progress ? `reading ${progress.rows}${progress.total ? ` of ${progress.total}` : ''}` : null;
  const age = asOf ? `as of ${ago(asOf, now)}` : null;
  const trouble = state === 'CURRENT' ? null : words(state).toLowerCase() + (lastError ? ` (${lastError})` : '');
  return [age, reading, trouble].filter(Boolean).join(', ');
}

/** How old the copy of each source is that lists are answered from. */
export function Freshness() {
  const now = useNow();
  const { data } = useQuery(SOURCES, { pollInterval: 15_000 });
  return (
    <ul className="freshness" aria-label="How current the sources are">
      {data?.sources.map(({ name, status }) => (
        <li key={name} data-state={status?.isComplete ? status.state : 'INCOMPLETE'}>
          <b>{sourceName(name)}</b> {standing(status, now)}
        </li>
      ))}
    </ul>
  );
}
