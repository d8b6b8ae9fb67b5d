// The address says what is shown: filters, order and page can be linked to, and the browser's buttons work.
import { useSyncExternalStore } from 'react';
import type {
  OpportunityFilter,
  OpportunityOrderField,
  OpportunitySource,
  OpportunityStatus,
  OrderDirection,
} from './gql/graphql';

export const STATUSES = ['OPEN', 'WON', 'LOST'] as const satisfies OpportunityStatus[];
export const SOURCES = ['NEXUDUS', 'CHARTMOGUL'] as const satisfies OpportunitySource[];
export const ORDERS = [
  { field: 'UPDATED_AT', first: 'DESC', label: 'Changed' },
  { field: 'CREATED_AT', first: 'DESC', label: 'Created' },
  { field: 'VALUE', first: 'DESC', label: 'Value' },
  { field: 'CUSTOMER_COMPANY_NAME', first: 'ASC', label: 'Company' },
  { field: 'STAGE_NAME', first: 'ASC', label: 'Stage' },
  { field: 'STATUS', first: 'ASC', label: 'Status' },
] as const satisfies { field: OpportunityOrderField; first: OrderDirection; label: string }[];

export type OrderField = (typeof ORDERS)[number]['field'];

export type List = {
  status?: OpportunityStatus;
  source?: OpportunitySource;
  /** `NEXUDUS/Sales Pipeline`, or `NEXUDUS` for the deals without one. */
  pipeline?: string;
  search?: string;
  field: OrderField;
  direction: OrderDirection;
  after?: string;
  before?: string;
};

export type Route = { deal: string } | { list: List };

const known = <Name extends string>(names: readonly Name[], text: string | null) => names.find((name) => name === text);

/** Returns a part of an address as it was before it was encoded; one that was cut or typed, as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function readRoute(hash: string): Route {
  const [path = '', ...rest] = hash.replace(/^#\/?/, '').split('?');
  const [page, id] = path.split('/');
  if (page === 'deals' && id) return { deal: decoded(id) };
  const given = new URLSearchParams(rest.join('?'));
  const text = (name: string) => given.get(name) ?? undefined;
  return {
    list: {
      status: known(STATUSES, given.get('status')),
      source: known(SOURCES, given.get('source')),
      pipeline: known(SOURCES, given.get('pipeline')?.split('/')[0] ?? null) && text('pipeline'),
      search: text('search'),
      field: known(ORDERS.map(({ field }) => field), given.get('field')) ?? 'UPDATED_AT',
      direction: known(['ASC', 'DESC'] as const, given.get('direction')) ?? 'DESC',
      after: text('after'),
      before: text('before'),
    },
  };
}

export function listAddress(list: List): string {
  const given = Object.entries(list).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return `#/?${new URLSearchParams(given)}`;
}

export const dealAddress = (id: string) => `#/deals/${encodeURIComponent(id)}`;

const PAGE = 25;

/** Returns the variables of the list's query. */
export function variables({ status, source, pipeline, search, field, direction, after, before }: List) {
  const filter: OpportunityFilter = {};
  if (status) filter.status = { eq: status };
  if (source) filter.source = { eq: source };
  if (pipeline) {
    const slash = pipeline.indexOf('/');
    filter.and = [{ source: { eq: known(SOURCES, pipeline.split('/')[0] ?? null) } }];
    filter.pipelineName = slash < 0 ? { isNull: true } : { eq: pipeline.slice(slash + 1) };
  }
  const page = before ? { last: PAGE, before } : { first: PAGE, after };
  return { ...page, filter, search: search || undefined, orderBy: [{ field, direction }] };
}

const subscribe = (notify: () => void) => {
  addEventListener('hashchange', notify);
  return () => removeEventListener('hashchange', notify);
};

export const useHash = () => useSyncExternalStore(subscribe, () => location.hash);
