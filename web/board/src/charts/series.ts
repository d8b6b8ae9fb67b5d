// From sums to what charts draw. A value is null where no deal has such an amount: that is never 0.
import type { ChartsQuery } from '../gql/graphql';
import type { Total } from '../documents';
import { sourceName } from '../failures';
import { stageOrder } from '../stage_order';
import { grouped, measure, measureText } from '../totals';

export type Part = { name: string; color: string; value: number | null; text: string };
export type Bar = { group: string; name: string; parts: Part[] };
export type Series = { name: string; color: string; isBelow?: boolean; values: Map<string, { value: number | null; text: string }> };
export type Months = { months: string[]; series: Series[]; undatedCount: number };

const MOST_MONTHS = 24;

const placeName = ([source, pipeline, stage]: (string | null)[]) => ({
  group: `${pipeline ?? 'No pipeline'} · ${sourceName(source ?? '')}`,
  name: stage ?? 'No stage',
});

/** Returns these places by source and pipeline, and those of a pipeline in its order. */
function inOrder<Place extends { keys: (string | null)[] }>(places: Iterable<Place>, data: ChartsQuery): Place[] {
  const order = stageOrder(data);
  const lane = ({ keys }: Place) => JSON.stringify(keys.slice(0, 2));
  const compared = (one: Place, other: Place) => {
    if (lane(one) !== lane(other)) return lane(one) < lane(other) ? -1 : 1;
    return order(one.keys) - order(other.keys) || (JSON.stringify(one.keys) < JSON.stringify(other.keys) ? -1 : 1);
  };
  return [...places].sort(compared);
}

/** Returns a bar for each stage. */
export function stageBars(data: ChartsQuery, unit: string | undefined, hue: (source: string) => number): Bar[] {
  return inOrder(grouped(data.stages?.rows ?? [], 3).values(), data)
    .map(({ keys, rows: own }) => ({
      ...placeName(keys),
      parts: [
        {
          name: sourceName(keys[0] ?? ''),
          color: `source-${hue(keys[0] ?? '')}`,
          value: measure(own, unit),
          text: measureText(own, unit),
        },
      ],
    }))
    .filter(({ parts }) => parts[0]?.value !== null);
}

export const AGES = [
  { age: 'week', name: 'up to 7 days', color: 'age-0' },
  { age: 'month', name: 'up to 30 days', color: 'age-1' },
  { age: 'quarter', name: 'up to 90 days', color: 'age-2' },
  { age: 'older', name: 'longer', color: 'age-3' },
] as const;

/** Returns a bar for each stage, in parts by how long ago its open deals last changed. */
export function stillBars(data: ChartsQuery, unit: string | undefined): Bar[] {
  const bars = new Map<string, { keys: (string | null)[]; bar: Bar }>();
  for (const { age, name, color } of AGES) {
    for (const [place, { keys, rows }] of grouped(data[age]?.rows ?? [], 3)) {
      const bar: Bar = bars.get(place)?.bar ?? { ...placeName(keys), parts: [] };
      const value = measure(rows, unit);
      if (value !== null) bar.parts.push({ name, color, value, text: measureText(rows, unit) });
      if (bar.parts.length > 0) bars.set(place, { keys, bar });
    }
  }
  return inOrder(bars.values(), data).map(({ bar }) => bar);
}

/** Returns the values of these rows by the month that is their key at a place. */
const monthly = (rows: Total[], unit: string | undefined, place: number) =>
  new Map(
    [...grouped(rows.filter(({ keys }) => keys[place]?.value), place + 1).values()].map(({ keys, rows: own }) => [
      keys[place] ?? '',
      { value: measure(own, unit), text: measureText(own, unit) },
    ]),
  );

const countOf = (rows: Total[]) => rows.reduce((sum, { count }) => sum + count, 0);

function over(series: Series[], undatedCount = 0): Months {
  const shown = series.filter(({ values }) => [...values.values()].some(({ value }) => value !== null));
  const all = shown.flatMap(({ values }) => [...values].flatMap(([month, { value }]) => (value === null ? [] : [month])));
  const last = all.reduce((one, other) => (one > other ? one : other), '');
  const first = all.reduce((one, other) => (one < other ? one : other), last);
  const months: string[] = [];
  for (let month = last; month && month >= first && months.length < MOST_MONTHS; month = before(month)) months.unshift(month);
  return { months, series: shown, undatedCount };
}

function before(month: string): string {
  const moment = new Date(`${month}-01T00:00:00Z`);
  moment.setUTCMonth(moment.getUTCMonth() - 1);
  return moment.toISOString().slice(0, 7);
}

/** Returns what was created in each month, by source. */
export function createdByMonth(rows: Total[], unit: string | undefined, hue: (source: string) => number): Months {
  const series = [...grouped(rows, 1).values()].map(({ keys: [source], rows: own }) => ({
    name: sourceName(source ?? ''),
    color: `source-${hue(source ?? '')}`,
    values: monthly(own, unit, 1),
  }));
  return over(series, countOf(rows.filter(({ keys }) => !keys[1]?.value)));
}

/** Returns what was won and lost in each month: by the source's own date, or where it has none by the last change. */
export function closedByMonth(won: Total[], lost: Total[], undated: Total[], unit: string | undefined): Months {
  const bySource = (rows: Total[], name: string, color: string, isBelow: boolean): Series[] =>
    [...grouped(rows, 1).values()].map(({ keys: [source], rows: own }) => ({
      name: `${name}, ${sourceName(source ?? '')}`,
      color,
      isBelow,
      values: monthly(own, unit, 1),
    }));
  const having = (status: string) => undated.filter(({ keys }) => keys[2]?.value === status);
  return over([
    ...bySource(won, 'Won', 'won', false),
    ...bySource(having('WON'), 'Won', 'won-late', false),
    ...bySource(lost, 'Lost', 'lost', true),
    ...bySource(having('LOST'), 'Lost', 'lost-late', true),
  ]);
}
