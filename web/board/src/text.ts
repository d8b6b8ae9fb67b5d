// Values of the graph as people read them.
import { useEffect, useState } from 'preact/hooks';
import type { Deal } from './documents';

const LOCALE = 'en-GB';
const WHOLE = new Intl.NumberFormat(LOCALE);
const AMOUNT = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 0, maximumFractionDigits: 5 });
const SHORT = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });
const DATE = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeZone: 'UTC' });
const DAY = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric' });
const TIME = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
const MONTH = new Intl.DateTimeFormat(LOCALE, { month: 'short', year: '2-digit', timeZone: 'UTC' });
const AGO = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'always', style: 'narrow' });

export const count = (number: number) => WHOLE.format(number);
export const deals = (number: number) => `${WHOLE.format(number)} ${number === 1 ? 'deal' : 'deals'}`;

/** Returns an amount with all its digits: it is a string, and is formatted as one. */
export const decimal = (text: string) => AMOUNT.format(text as `${number}`);
export const money = (value: Deal['value']) => (value ? `${decimal(value.amount)} ${value.currencyCode}` : null);

/** Returns a number of few digits, for axes. */
export const short = (number: number) => SHORT.format(number);

/** Returns a calendar date, which has no zone. */
export const date = (text: string | null | undefined) => (text ? DATE.format(new Date(text)) : null);

/** Returns the day of a moment, in the zone of the reader. */
export const day = (text: string | null | undefined) => (text ? DAY.format(new Date(text)) : null);

/** Returns a moment, in the zone of the reader. */
export const time = (text: string | null | undefined) => (text ? TIME.format(new Date(text)) : null);

/** Returns `Nov 26` for `2026-11`. */
export const month = (text: string) => MONTH.format(new Date(`${text}-01`));

/** Returns how long ago a moment was. */
export function ago(text: string, now: number): string {
  const seconds = Math.min(0, Math.round((Date.parse(text) - now) / 1000));
  if (seconds > -60) return AGO.format(seconds, 'second');
  if (seconds > -3600) return AGO.format(Math.round(seconds / 60), 'minute');
  if (seconds > -86_400) return AGO.format(Math.round(seconds / 3600), 'hour');
  return AGO.format(Math.round(seconds / 86_400), 'day');
}

/** Returns `Best case` for `BEST_CASE`. */
export const words = (name: string) => {
  const text = name.replaceAll('_', ' ').toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
};

type Named = { customer?: { sourceId: string; companyName: string | null; name?: string | null; email?: string | null } | null };

/** Returns what people call a deal: its customer. */
export const customerName = ({ customer }: Named) =>
  customer?.companyName || customer?.name || customer?.email || `Customer ${customer?.sourceId.slice(-8) ?? 'not known'}`;

/** Returns the time, every second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
