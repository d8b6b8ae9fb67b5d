import { memo } from 'preact/compat';
import type { Deal } from '../documents';
import { useNavigation } from '../navigation';
import { LateMark, SourceBadge, StatusBadge } from '../parts/Badges';
import { useSession } from '../session';
import { ago, customerName, day, decimal } from '../text';

type Props = {
  deal: Deal | null | undefined;
  index: number;
  start: number;
  isStop: boolean;
  onFocus: (index: number) => void;
};

/** A row of the table; empty while its deal is loaded. While others come into sight it is left as it is. */
export const DealRow = memo(function DealRow({ deal, index, start, isStop, onFocus }: Props) {
  const { link } = useNavigation();
  const { seesPeople } = useSession();
  const row = {
    role: 'row',
    class: 'row',
    'data-index': index,
    'aria-rowindex': index + 2,
    style: { transform: `translateY(${start}px)` },
    onFocusIn: () => onFocus(index),
  } as const;
  if (!deal) {
    return (
      <div {...row} class="row waiting">
        <div role="cell">{deal === null ? 'This deal cannot be shown.' : <span class="hidden">Reading…</span>}</div>
      </div>
    );
  }
  const person = deal.customer?.name ?? deal.customer?.email;
  return (
    <div {...row}>
      <div role="rowheader" class="customer">
        <a href={link({ deal: deal.id })} tabIndex={isStop ? 0 : -1}>
          {customerName(deal)}
        </a>
        <LateMark source={deal.source} />
        {person && person !== customerName(deal) && <small>{person}</small>}
      </div>
      <div role="cell" class="status-cell">
        <StatusBadge status={deal.status} />
      </div>
      <div role="cell" class="stage">
        {deal.stageName ?? 'No stage'}
        <small>
          <SourceBadge source={deal.source} /> {deal.pipelineName ?? 'No pipeline'}
        </small>
      </div>
      <div role="cell" class="value">
        {deal.value ? (
          <>
            <b>{decimal(deal.value.amount)}</b> <span>{deal.value.currencyCode}</span>
          </>
        ) : (
          <span class="faint">No amount</span>
        )}
        {deal.__typename === 'ChartMogulOpportunity' && deal.rawType && <small>{deal.rawType}</small>}
      </div>
      {seesPeople && (
        <div role="cell" class="owner">
          {deal.owner?.name ?? deal.owner?.email ?? <span class="faint">No owner</span>}
        </div>
      )}
      <div role="cell" class="created">
        {day(deal.createdAt) ?? '–'}
      </div>
      <div role="cell" class="changed">
        {deal.updatedAt ? (
          <time dateTime={deal.updatedAt} title={day(deal.updatedAt) ?? undefined}>
            {ago(deal.updatedAt, Date.now())}
          </time>
        ) : (
          '–'
        )}
      </div>
    </div>
  );
});
