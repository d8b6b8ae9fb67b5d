// Values of the graph as people read them.
import { useEffect, useState } from 'react';
import type { Deal } from './documents';

const LOCALE = 'en-GB';
const AMOUNT = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 5 });
const DATE = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeZone: 'UTC' });
const TIME = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
const AGO = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto' });

/** Returns an amount with all its digits: it is a string, and is formatted as one. */
export const amount = (value: Deal['value']) =>
  value ? `${AMOUNT.format(value.amount as `${number}`)} ${value.currencyCode}` : '–';

/** Returns a calendar date, which has no zone. */
export const date = (text: string | null | undefined) => (text ? DATE.format(new Date(text)) : '–');

/** Returns a moment, in the zone of the reader. */
export const time = (text: string | null | undefined) => (text ? TIME.format(new Date(text)) : '–');

/** Returns how long ago a moment was. */
export function ago(text: string, now: number): string {
  const seconds = Math.round((Date.parse(text) - now) / 1000);
  if (seconds > -5) return 'just now';
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

export const customerName = ({ customer }: Deal) =>
  customer?.companyName || customer?.name || customer?.email || `Customer ${customer?.sourceId.slice(0, 8) ?? 'unknown'}`;

/** Returns the time, every few seconds. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
