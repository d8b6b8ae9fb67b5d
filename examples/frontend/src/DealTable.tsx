import type { Deal } from './documents';
import type { Failure } from './failures';
import { sentence, sourceName } from './failures';
import type { List, OrderField } from './route';
import { dealAddress, ORDERS } from './route';
import { ago, amount, customerName, time, useNow, words } from './text';

/** What the sources say of a listed deal when they are asked for it now. */
export type Check = Failure | 'current' | 'missing';

export type Row = { deal: Deal; check?: Check } | { failure?: Failure };

const COLUMNS: { label: string; field?: OrderField }[] = [
  { label: 'Company', field: 'CUSTOMER_COMPANY_NAME' },
  { label: 'Status', field: 'STATUS' },
  { label: 'Stage', field: 'STAGE_NAME' },
  { label: 'Value', field: 'VALUE' },
  { label: 'Owner' },
  { label: 'Changed', field: 'UPDATED_AT' },
];

function CheckText({ deal, check }: { deal: Deal; check: Check }) {
  const now = useNow();
  if (check === 'current') return <span className="current">Read {deal.asOf && ago(deal.asOf, now)}</span>;
  if (check === 'missing') return <span className="failure">No longer in {sourceName(deal.source)}.</span>;
  return <span className="failure">{sentence({ source: deal.source, ...check })}</span>;
}

function DealRow({ deal, check }: { deal: Deal; check?: Check }) {
  return (
    <tr data-check={typeof check === 'object' ? check.code : check}>
      <th scope="row">
        <a href={dealAddress(deal.id)}>{customerName(deal)}</a>
        <small>{deal.customer?.name !== customerName(deal) && deal.customer?.name}</small>
        {check && <CheckText deal={deal} check={check} />}
      </th>
      <td>
        <span className="status" data-status={deal.status}>
          {deal.status ? words(deal.status) : 'Unknown'}
        </span>
      </td>
      <td>
        {deal.stageName ?? '–'}
        <small>
          {deal.pipelineName ?? 'No pipeline'} · {sourceName(deal.source)}
        </small>
      </td>
      <td className="amount">{amount(deal.value)}</td>
      <td>{deal.owner?.name ?? deal.owner?.email ?? '–'}</td>
      <td>{time(deal.updatedAt)}</td>
    </tr>
  );
}

function FailedRow({ failure }: { failure?: Failure }) {
  return (
    <tr data-check={failure?.code}>
      <td colSpan={COLUMNS.length}>
        <span className="failure">{failure ? sentence(failure) : 'This deal is no longer there.'}</span>
      </td>
    </tr>
  );
}

type Props = { rows: Row[]; list: List; change: (part: Partial<List>) => void; isLoading: boolean };

export function DealTable({ rows, list, change, isLoading }: Props) {
  const order = (field: OrderField) => {
    const first = ORDERS.find((one) => one.field === field)?.first ?? 'ASC';
    const other = list.direction === 'ASC' ? 'DESC' : 'ASC';
    change({ field, direction: list.field === field ? other : first });
  };
  const sorted = list.direction === 'ASC' ? 'ascending' : 'descending';
  return (
    <table aria-busy={isLoading}>
      <thead>
        <tr>
          {COLUMNS.map(({ label, field }) => (
            <th key={label} scope="col" aria-sort={field && list.field === field ? sorted : undefined}>
              {field ? (
                <button type="button" onClick={() => order(field)}>
                  {label}
                </button>
              ) : (
                label
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) =>
          'deal' in row ? (
            <DealRow key={row.deal.id} {...row} />
          ) : (
            <FailedRow key={index} failure={row.failure} />
          ),
        )}
      </tbody>
    </table>
  );
}
