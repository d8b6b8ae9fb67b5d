import type { Total } from '../documents';
import { decimal } from '../text';
import { sumsOf, unitName } from '../totals';

/** Sums of deals: one for each currency and kind of amount, never added. */
export function SumList({ rows, most = 3 }: { rows: Total[]; most?: number }) {
  const { amounts, missing } = sumsOf(rows);
  const rest = amounts.slice(most);
  const line = ({ unit, amount }: (typeof amounts)[number]) => (
    <li key={unit}>
      <b>{decimal(amount)}</b> {unitName(unit)}
    </li>
  );
  return (
    <div class="sums">
      <ul>
        {amounts.slice(0, most).map(line)}
        {missing > 0 && rest.length === 0 && <li class="faint">{missing} without an amount</li>}
      </ul>
      {rest.length > 0 && (
        <details>
          <summary>{rest.length} more</summary>
          <ul>
            {rest.map(line)}
            {missing > 0 && <li class="faint">{missing} without an amount</li>}
          </ul>
        </details>
      )}
    </div>
  );
}
