import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useDeals } from '../deal_list';
import { filterOf, orderOf } from '../filters';
import type { OrderDirection } from '../gql/graphql';
import { useNavigation } from '../navigation';
import { useNotice } from '../parts/Notices';
import { useRoving } from '../roving';
import type { OrderField } from '../route';
import { useSession } from '../session';
import { DealRow } from './DealRow';

const PAGE = 100;
const NARROW = matchMedia('(max-width: 47.99rem)');
const ROW_PIXELS = 45;
const NARROW_ROW_PIXELS = 84;

const COLUMNS: { name: string; label: string; order?: OrderField; first?: OrderDirection }[] = [
  { name: 'customer', label: 'Customer', order: 'CUSTOMER_COMPANY_NAME', first: 'ASC' },
  { name: 'status-cell', label: 'Status', order: 'STATUS', first: 'ASC' },
  { name: 'stage', label: 'Stage', order: 'STAGE_NAME', first: 'ASC' },
  { name: 'value', label: 'Value', order: 'VALUE', first: 'DESC' },
  { name: 'owner', label: 'Owner', order: 'OWNER', first: 'ASC' },
  { name: 'created', label: 'Created', order: 'CREATED_AT', first: 'DESC' },
  { name: 'changed', label: 'Changed', order: 'UPDATED_AT', first: 'DESC' },
];

/** All deals that fit, in one list: rows that are not in sight are not there, and are loaded when they come. */
export function Table() {
  const { route } = useNavigation();
  const { seesPeople } = useSession();
  const box = useRef<HTMLDivElement>(null);
  const { list, isCurrent } = useDeals(
    { filter: filterOf(route), orderBy: orderOf(route), search: route.search, people: seesPeople },
    PAGE,
  );
  const isNarrow = useIsNarrow();
  const length = list.total ?? 0;
  const height = isNarrow ? NARROW_ROW_PIXELS : ROW_PIXELS;
  const rows = useVirtualizer<HTMLElement, Element>({
    count: length,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 8,
  });
  useLayoutEffect(() => rows.measure(), [height]);
  useEffect(() => void box.current?.scrollTo({ top: 0 }), [list]);
  const { onKeyDown, stop, setActive } = useRoving(rows, length, 10);
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => list.show(first, last), [list, first, last]);
  useNotice(list.error, () => void list.refresh());
  const shown = COLUMNS.filter(({ name }) => seesPeople || name !== 'owner');
  return (
    <>
      {list.isEmpty && <p class="empty">No deal fits.</p>}
      <div
        class="table"
        role="table"
        ref={box}
        aria-label="Deals"
        hidden={list.isEmpty || (list.total === undefined && list.error !== undefined)}
        aria-rowcount={length + 1}
        aria-busy={!isCurrent}
        data-people={seesPeople}
        onKeyDown={onKeyDown}
      >
        <div role="rowgroup" class="head">
          <div role="row" class="row" aria-rowindex={1}>
            {shown.map((column) => (
              <Heading key={column.name} {...column} />
            ))}
          </div>
        </div>
        <div role="rowgroup" class="body" style={{ height: `${rows.getTotalSize()}px` }}>
          {items.map(({ index, start }) => (
            <DealRow
              key={index}
              deal={list.at(index)}
              index={index}
              start={start}
              isStop={index === stop}
              onFocus={setActive}
            />
          ))}
        </div>
      </div>
    </>
  );
}

function Heading({ name, label, order, first }: (typeof COLUMNS)[number]) {
  const { route, go } = useNavigation();
  const isOrder = route.order === order;
  const other = route.direction === 'ASC' ? 'DESC' : 'ASC';
  const sorted = route.direction === 'ASC' ? 'ascending' : 'descending';
  return (
    <div role="columnheader" class={name} aria-sort={isOrder ? sorted : undefined}>
      <button type="button" onClick={() => go({ order, direction: isOrder ? other : first })}>
        {label}
      </button>
    </div>
  );
}

function useIsNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(NARROW.matches);
  useEffect(() => {
    const change = () => setNarrow(NARROW.matches);
    NARROW.addEventListener('change', change);
    return () => NARROW.removeEventListener('change', change);
  }, []);
  return isNarrow;
}
