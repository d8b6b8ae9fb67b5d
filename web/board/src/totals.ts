// Sums of deals. Each is of one currency and one kind of amount, and two of them are never added: what is put together
// here are counts, and lists of sums.
import type { Total } from './documents';
import { decimal } from './text';

/** A currency and a kind of amount: `EUR/recurring`, `EUR/` where no kind is said, `/` for deals without a currency. */
const unitOf = ({ currency, kind }: Pick<Total, 'currency' | 'kind'>) => `${currency ?? ''}/${kind ?? ''}`;

/** Returns `EUR recurring`. */
export function unitName(unit: string): string {
  const [currency, kind] = unit.split('/', 2);
  return [currency || 'No currency', kind].filter(Boolean).join(' ');
}

export type Sums = { count: number; missing: number; amounts: { unit: string; amount: string; count: number }[] };

/** Returns what these rows say together: how many deals, and a sum for each currency and kind, the most deals first. */
export function sumsOf(rows: Total[]): Sums {
  return {
    count: rows.reduce((sum, row) => sum + row.count, 0),
    missing: rows.reduce((sum, row) => sum + row.missingAmountCount, 0),
    amounts: rows
      .flatMap((row) => (row.amount === null ? [] : [{ unit: unitOf(row), amount: row.amount, count: row.count }]))
      .sort((one, other) => other.count - one.count),
  };
}

/** Returns the rows by the values of their keys from `first` on; null is a value. */
export function grouped<Row extends Pick<Total, 'keys'>>(rows: Row[], length: number) {
  const found = new Map<string, { keys: (string | null)[]; rows: Row[] }>();
  for (const row of rows) {
    const keys = row.keys.slice(0, length).map(({ value }) => value);
    const name = JSON.stringify(keys);
    const group = found.get(name) ?? { keys, rows: [] as Row[] };
    group.rows.push(row);
    found.set(name, group);
  }
  return found;
}

/** Returns the units of these rows, those with the most deals first. */
export function unitsOf(rows: Total[]): string[] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    if (row.amount !== null) counts.set(unitOf(row), (counts.get(unitOf(row)) ?? 0) + row.count);
  }
  return [...counts].sort((one, other) => other[1] - one[1]).map(([unit]) => unit);
}

/** Returns what a chart shows of a group: how many deals, or the sum in a unit; null if no deal has such an amount. */
export function measure(rows: Total[], unit: string | undefined): number | null {
  if (!unit) return rows.reduce((sum, row) => sum + row.count, 0);
  const amount = rows.find((row) => unitOf(row) === unit)?.amount;
  return amount == null ? null : Number(amount);
}

/** Returns the same with all digits. */
export function measureText(rows: Total[], unit: string | undefined): string {
  if (!unit) return String(rows.reduce((sum, row) => sum + row.count, 0));
  const amount = rows.find((row) => unitOf(row) === unit)?.amount;
  return amount == null ? '–' : decimal(amount);
}
