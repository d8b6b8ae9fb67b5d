import { useApolloClient, useQuery } from '@apollo/client/react';
import { useEffect, useMemo, useState } from 'react';
import { LIVE } from './client';
import type { Check, Row } from './DealTable';
import { DealTable } from './DealTable';
import { DEALS, DEALS_NOW } from './documents';
import type { Failure } from './failures';
import { failures, sourceName } from './failures';
import { Filters } from './Filters';
import { Notices } from './Notices';
import type { List } from './route';
import { listAddress, variables } from './route';

/** The list: filter, order and paging by cursor. */
export function DealsPage({ list }: { list: List }) {
  // What is in the cache is shown at once, and replaced by what the server says now.
  const { data, previousData, error, loading, refetch } = useQuery(DEALS, {
    variables: useMemo(() => variables(list), [list]),
    fetchPolicy: 'cache-and-network',
  });
  const deals = (loading ? (data ?? previousData) : data)?.opportunities;
  const { rows: failedRows, others } = failures(error, 'opportunities', 'nodes');
  const ids = deals?.nodes.flatMap((deal) => deal?.id ?? []) ?? [];
  const { checks, problems, isChecking, check } = useChecks(ids, list);

  useEffect(() => {
    document.title = 'Deals';
  }, []);

  const change = (part: Partial<List>) => {
    location.hash = listAddress({ ...list, after: undefined, before: undefined, ...part });
  };
  const rows = (deals?.nodes ?? []).map((deal, index): Row =>
    deal ? { deal, check: checks.get(deal.id) } : { failure: failedRows.get(index) },
  );
  const incomplete = deals?.sources?.filter(({ isComplete }) => !isComplete) ?? [];
  const { hasNextPage, hasPreviousPage, startCursor, endCursor } = deals?.pageInfo ?? {};
  return (
    <>
      <Filters list={list} change={change} />
      <Notices failures={[...others, ...problems]} retry={() => void refetch()} />
      {incomplete.length > 0 && (
        <div className="notice" role="status">
          Deals of {incomplete.map(({ source }) => sourceName(source)).join(' and ')} may be missing: not all have been
          read yet.
        </div>
      )}
      <div className="bar">
        <output>{deals && `${deals.totalCount ?? 'Some'} deals`}</output>
        <button type="button" disabled={isChecking || ids.length === 0} onClick={() => void check()}>
          {isChecking ? 'Asking…' : 'Ask the sources now'}
        </button>
      </div>
      <DealTable rows={rows} list={list} change={change} isLoading={loading} />
      {deals?.nodes.length === 0 && !loading && <p className="empty">No deal fits.</p>}
      <nav aria-label="Pages">
        <button type="button" disabled={!hasPreviousPage} onClick={() => change({ before: startCursor ?? undefined })}>
          Previous
        </button>
        <button type="button" disabled={!hasNextPage} onClick={() => change({ after: endCursor ?? undefined })}>
          Next
        </button>
      </nav>
    </>
  );
}

/** Asks the sources for the deals of this page: what changed lands in the cache, and so in the rows. */
function useChecks(ids: string[], list: List) {
  const client = useApolloClient();
  const [found, setFound] = useState<{ list: List; checks: Map<string, Check>; problems: Failure[] }>();
  const [isChecking, setChecking] = useState(false);
  const check = async () => {
    setChecking(true);
    const { data, error } = await client.query({ query: DEALS_NOW, variables: { ids }, ...LIVE });
    const { rows, others } = failures(error, 'opportunitiesById');
    const known = data?.opportunitiesById;
    const checks = new Map(
      ids.flatMap((id, index): [string, Check][] => {
        const failure = rows.get(index);
        if (failure) return [[id, failure]];
        return known ? [[id, known[index] ? 'current' : 'missing']] : [];
      }),
    );
    setFound({ list, checks, problems: others });
    setChecking(false);
  };
  const mine = found?.list === list ? found : undefined;
  return { checks: mine?.checks ?? new Map<string, Check>(), problems: mine?.problems ?? [], isChecking, check };
}
