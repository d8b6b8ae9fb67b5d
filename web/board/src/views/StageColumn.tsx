import { useVirtualizer } from '@tanstack/react-virtual';
import { memo } from 'preact/compat';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useDeals } from '../deal_list';
import type { Deal, Total } from '../documents';
import { filterOf, orderOf } from '../filters';
import { useNavigation } from '../navigation';
import { LateMark } from '../parts/Badges';
import { useNotice } from '../parts/Notices';
import { SumList } from '../parts/SumList';
import { useRoving } from '../roving';
import { NONE } from '../route';
import { useSession } from '../session';
import { ago, count, customerName, decimal } from '../text';
import { sumsOf } from '../totals';

const CARD_PIXELS = 78;
const PAGE = 25;

type Props = { source: string; pipeline: string | null; stage: string | null; rows: Total[] };

/** The deals of a stage. One without deals is a narrow strip: what it is called, and that it has none. */
export function StageColumn({ source, pipeline, stage, rows }: Props) {
  const deals = sumsOf(rows).count;
  const name = stage ?? 'No stage';
  const column = useRef<HTMLElement>(null);
  const size = { '--cards': deals } as preact.CSSProperties;
  const wasSeen = useWasSeen(column);
  return (
    <section ref={column} class="column" data-empty={deals === 0} aria-label={name} style={size}>
      <header>
        <h3>{name}</h3>
        <span class="count">{count(deals)}</span>
        {deals > 0 && <SumList rows={rows} />}
      </header>
      {deals > 0 && (wasSeen ? <Cards source={source} pipeline={pipeline} stage={stage} total={deals} /> : <div class="cards" />)}
    </section>
  );
}

/** Tells whether something has been in sight: what nobody has looked at is not asked for. */
function useWasSeen(element: { current: HTMLElement | null }): boolean {
  const [wasSeen, setSeen] = useState(false);
  useEffect(() => {
    if (!element.current || wasSeen) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some(({ isIntersecting }) => isIntersecting) && setSeen(true),
      { rootMargin: '300px' },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [wasSeen]);
  return wasSeen;
}

type CardsProps = { source: string; pipeline: string | null; stage: string | null; total: number };

function Cards({ source, pipeline, stage, total }: CardsProps) {
  const { route } = useNavigation();
  const { seesPeople } = useSession();
  const box = useRef<HTMLDivElement>(null);
  const place = { source, pipeline: pipeline ?? NONE, stage: stage ?? NONE };
  const { list } = useDeals(
    { filter: filterOf({ ...route, ...place }), orderBy: orderOf(route), search: route.search, people: seesPeople },
    PAGE,
  );
  useNotice(list.error, () => void list.refresh());
  const length = list.total ?? total;
  const rows = useVirtualizer<HTMLElement, Element>({
    count: length,
    getScrollElement: () => box.current,
    estimateSize: () => CARD_PIXELS,
    overscan: 4,
  });
  const { onKeyDown, stop, setActive } = useRoving(rows, length, 4);
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => list.show(first, last), [list, first, last]);
  return (
    <div class="cards" ref={box}>
      <ul style={{ height: `${rows.getTotalSize()}px` }} onKeyDown={onKeyDown}>
        {items.map(({ index, start }) => (
          <li
            key={index}
            data-index={index}
            aria-setsize={length}
            aria-posinset={index + 1}
            style={{ transform: `translateY(${start}px)` }}
            onFocusIn={() => setActive(index)}
          >
            <Card deal={list.at(index)} isStop={index === stop} />
          </li>
        ))}
      </ul>
    </div>
  );
}

const Card = memo(function Card({ deal, isStop }: { deal: Deal | null | undefined; isStop: boolean }) {
  const { link } = useNavigation();
  const { seesPeople } = useSession();
  if (deal === undefined) return <div class="card waiting" />;
  if (deal === null) return <div class="card">This deal cannot be shown.</div>;
  const owner = deal.owner?.name ?? deal.owner?.email ?? 'No owner';
  return (
    <a class="card" href={link({ deal: deal.id })} tabIndex={isStop ? 0 : -1} data-status={deal.status}>
      <span class="name">
        {customerName(deal)}
        <LateMark source={deal.source} />
      </span>
      <span class="value">
        {deal.value ? (
          <>
            <b>{decimal(deal.value.amount)}</b> {deal.value.currencyCode}
            {deal.__typename === 'ChartMogulOpportunity' && deal.rawType && ` ${deal.rawType}`}
          </>
        ) : (
          'No amount'
        )}
      </span>
      <span class="foot">
        <span class="owner">{seesPeople && owner}</span>
        {deal.updatedAt && <time dateTime={deal.updatedAt} title="Last changed">
            <span class="hidden">changed </span>
            {ago(deal.updatedAt, Date.now())}
          </time>}
      </span>
    </a>
  );
});
