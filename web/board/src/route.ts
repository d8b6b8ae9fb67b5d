// The address says what is shown: a link can be shared, and the browser's buttons work. It stands behind the `#`, which
// no server, proxy or log is told: what people search for is often a name.
import { useSyncExternalStore } from 'preact/compat';
import type { OpportunityOrderField, OpportunityStatus, OrderDirection } from './gql/graphql';

export const VIEWS = ['board', 'table', 'charts'] as const;
export type View = (typeof VIEWS)[number];

export const STATUSES = ['OPEN', 'WON', 'LOST'] as const satisfies OpportunityStatus[];
export const ORDERS = [
  'UPDATED_AT',
  'CREATED_AT',
  'VALUE',
  'CUSTOMER_COMPANY_NAME',
  'STAGE_NAME',
  'STATUS',
  'OWNER',
] as const satisfies OpportunityOrderField[];
export type OrderField = (typeof ORDERS)[number];

/** Names that deals may be without: this stands for deals that have none. */
export const NONE = '–';

export type Route = {
  view: View;
  deal?: string;
  status: OpportunityStatus | 'ALL';
  /** A source's name as an enumeration: `NEXUDUS`. */
  source?: string;
  pipeline?: string;
  stage?: string;
  owner?: string;
  currency?: string;
  search?: string;
  order: OrderField;
  direction: OrderDirection;
  /** The amounts that charts show: `EUR/recurring`, `EUR/` where no kind is said; else how many deals. */
  unit?: string;
};

const DEFAULTS = { status: 'OPEN', order: 'UPDATED_AT', direction: 'DESC' } as const;
const TEXTS = ['deal', 'pipeline', 'stage', 'owner', 'currency', 'search', 'unit'] as const;

const known = <Name extends string>(names: readonly Name[], text: string | null) => names.find((name) => name === text);

export function readRoute(hash: string): Route {
  const [path = '', ...rest] = hash.replace(/^#\/?/, '').split('?');
  const given = new URLSearchParams(rest.join('?'));
  const source = given.get('source');
  return {
    ...Object.fromEntries(TEXTS.flatMap((name) => (given.get(name) ? [[name, given.get(name)]] : []))),
    view: known(VIEWS, path) ?? 'board',
    source: source && /^[A-Z][A-Z_]*$/.test(source) ? source : undefined,
    status: known([...STATUSES, 'ALL'], given.get('status')) ?? DEFAULTS.status,
    order: known(ORDERS, given.get('order')) ?? DEFAULTS.order,
    direction: known(['ASC', 'DESC'], given.get('direction')) ?? DEFAULTS.direction,
  };
}

export function address({ view, ...rest }: Route): string {
  const given = Object.entries(rest).filter(
    ([name, value]) => value && (DEFAULTS as Record<string, string>)[name] !== value,
  );
  const query = new URLSearchParams(given as [string, string][]).toString();
  return `#/${view}${query && `?${query}`}`;
}

const subscribe = (notify: () => void) => {
  addEventListener('hashchange', notify);
  return () => removeEventListener('hashchange', notify);
};

export const useHash = () => useSyncExternalStore(subscribe, () => location.hash);
