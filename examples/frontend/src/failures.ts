import { CombinedGraphQLErrors } from '@apollo/client';

/** What went wrong: decide by the code, never by the message. */
export type Failure = { code: string; source?: string; retryable: boolean; retryAfterSeconds?: number };

const NO_ANSWER: Failure = { code: 'NO_ANSWER', retryable: true };

const WORDS: Record<string, string> = {
  NO_ANSWER: 'The server does not answer.',
  BAD_USER_INPUT: 'This address asks for what cannot be. Start again at “Deals”. A search has ten words at most.',
  FORBIDDEN: 'You may not see this.',
  UNAUTHENTICATED: 'Please sign in.',
  SERVER_BUSY: 'The server is busy.',
  STORE_UNAVAILABLE: 'Lists cannot be read now.',
  SOURCE_NOT_CONFIGURED: '{source} is not connected.',
  UPSTREAM_UNAUTHORIZED: '{source} does not accept our credentials.',
  UPSTREAM_FORBIDDEN: '{source} does not let us read this.',
  UPSTREAM_RATE_LIMITED: '{source} takes no more requests for now.',
  UPSTREAM_TIMEOUT: '{source} took too long.',
  UPSTREAM_UNAVAILABLE: '{source} cannot be reached.',
  UPSTREAM_BAD_RESPONSE: '{source} sent something that cannot be read.',
};

const SOURCES: Record<string, string> = { nexudus: 'Nexudus', chartmogul: 'ChartMogul' };

/** Returns a source's name for people; takes `NEXUDUS` and `nexudus@eu` too. */
export const sourceName = (source: string) => {
  const [name = source, account] = source.toLowerCase().split('@');
  return (SOURCES[name] ?? name) + (account ? ` (${account})` : '');
};

/** Returns a sentence for people. */
export function sentence({ code, source, retryAfterSeconds }: Failure): string {
  const words = (WORDS[code] ?? 'Something went wrong.').replace('{source}', source ? sourceName(source) : 'The source');
  return retryAfterSeconds ? `${words} Try again in ${Math.ceil(retryAfterSeconds)} seconds.` : words;
}

/**
 * Sorts the errors of an answer: `rows` by their position in the list at `path`, and `others`, which concern more than
 * a row.
 */
export function failures(error: unknown, ...path: string[]): { rows: Map<number, Failure>; others: Failure[] } {
  const rows = new Map<number, Failure>();
  const others: Failure[] = [];
  if (error && !CombinedGraphQLErrors.is(error)) others.push(NO_ANSWER);
  for (const found of CombinedGraphQLErrors.is(error) ? error.errors : []) {
    const failure = (found.extensions ?? { code: 'UNKNOWN', retryable: false }) as Failure;
    const row = found.path?.[path.length];
    if (typeof row === 'number' && path.every((name, index) => found.path?.[index] === name)) rows.set(row, failure);
    else others.push(failure);
  }
  return { rows, others };
}
