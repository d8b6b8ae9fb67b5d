import type { OpportunityFilter, OpportunitySource, OrderNulls } from './gql/graphql';
import { NONE } from './route';
import type { Route } from './route';

type Filters = Pick<Route, 'status' | 'source' | 'pipeline' | 'stage' | 'owner' | 'currency'>;

const named = (name: string | undefined) => (name === NONE ? { isNull: true } : { eq: name });

/** Returns which deals a route shows. */
export function filterOf({ status, source, pipeline, stage, owner, currency }: Filters): OpportunityFilter {
  return {
    ...(status !== 'ALL' && { status: { eq: status } }),
    ...(source && { source: { eq: source as OpportunitySource } }),
    ...(pipeline && { pipelineName: named(pipeline) }),
    ...(stage && { stageName: named(stage) }),
    ...(owner && { owner: named(owner) }),
    ...(currency && { currencyCode: named(currency) }),
  };
}

export const orderOf = ({ order, direction }: Pick<Route, 'order' | 'direction'>) => [
  { field: order, direction, nulls: 'LAST' as OrderNulls },
];

const changed = (from: number, to: number): OpportunityFilter => ({ updatedAt: { relative: { unit: 'DAY', from, to } } });

/** Returns which deals each chart is about. */
export function chartFilters(route: Route) {
  const any = filterOf({ ...route, status: 'ALL' });
  const open = filterOf({ ...route, status: 'OPEN' });
  return {
    shown: filterOf(route),
    won: { ...any, wonOn: { isNull: false } },
    lost: { ...any, lostOn: { isNull: false } },
    // ChartMogul does not say when a deal was closed.
    undated: { ...any, status: { in: ['WON' as const, 'LOST' as const] }, wonOn: { isNull: true }, lostOn: { isNull: true } },
    week: { ...open, ...changed(-7, 0) },
    month: { ...open, ...changed(-30, -8) },
    quarter: { ...open, ...changed(-90, -31) },
    older: { ...open, not: changed(-90, 0) },
    search: route.search,
  };
}
