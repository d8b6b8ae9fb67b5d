import type { CombinedError } from '@urql/core';

/** What went wrong: decide by the code, never by the message, which is for people. */
export type Failure = {
  code: string;
  message?: string;
  source?: string;
  retryAfterSeconds?: number;
  path: readonly (string | number)[];
};
type Told = Omit<Failure, 'path'>;

/** What is asked for has to be another thing: the same again is refused again. */
const REFUSED = ['BAD_USER_INPUT', 'FORBIDDEN', 'PERSISTED_QUERY_NOT_LISTED'];

const SENTENCES: Record<string, string> = {
  NO_ANSWER: 'The server does not answer.',
  BAD_USER_INPUT: 'This address asks for something that does not exist.',
  FORBIDDEN: 'Your credential does not allow you to see this.',
  UNAUTHENTICATED: 'Please sign in.',
  SERVER_BUSY: 'The server is busy.',
  STORE_UNAVAILABLE: 'Lists cannot be read now.',
  STORE_STALE: 'The copy is too old.',
  PERSISTED_QUERY_NOT_LISTED: 'The server answers listed documents alone, and those of this page are not among them.',
  SOURCE_NOT_CONFIGURED: '{source} is not connected.',
  UPSTREAM_UNAUTHORIZED: '{source} does not accept the server’s credentials.',
  UPSTREAM_FORBIDDEN: '{source} does not let the server read this.',
  UPSTREAM_RATE_LIMITED: '{source} takes no more requests for now.',
  UPSTREAM_TIMEOUT: '{source} took too long to answer.',
  UPSTREAM_UNAVAILABLE: '{source} cannot be reached.',
  UPSTREAM_BAD_RESPONSE: '{source} sent something that cannot be read.',
};

const NAMES: Record<string, string> = { nexudus: 'Nexudus', chartmogul: 'ChartMogul' };

/** Returns a source's name for people; takes `NEXUDUS` and `nexudus@eu` too. */
export function sourceName(source: string): string {
  const [name = source, account] = source.toLowerCase().split('@');
  const known = NAMES[name] ?? name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ');
  return account ? `${known} (${account})` : known;
}

/** Returns a sentence for people. What is wrong with an argument of a field, the graph says best. */
export function sentence({ code, message, source, retryAfterSeconds }: Told) {
  if (code === 'BAD_USER_INPUT' && message) return message;
  const text = (SENTENCES[code] ?? `Something went wrong (${code}).`).replace(
    '{source}',
    source ? sourceName(source) : 'The source',
  );
  return retryAfterSeconds ? `${text} Try again in ${Math.ceil(retryAfterSeconds)} seconds.` : text;
}

/** Returns whether it may be otherwise when the same is asked for again. */
export const mayPass = ({ code }: Told) => !REFUSED.includes(code);

/** Returns why a record is one that the server had, if its source did not answer: `extensions.stale`. */
export function staleCode(extensions: Record<string, unknown> | undefined, id: string): string | undefined {
  const stale = (extensions?.['stale'] ?? []) as { id: string; code: string }[];
  return stale.find((one) => one.id === id)?.code;
}

/** Returns each thing that went wrong with an operation. */
export function failures(error: CombinedError | undefined): Failure[] {
  if (!error) return [];
  const status = (error.response as Response | undefined)?.status;
  const coded = error.graphQLErrors.map(({ message, extensions, path }) => ({
    code: String(extensions?.['code'] ?? 'UNKNOWN'),
    message: path && message, // without a path it is about this page's own document and its variables
    source: extensions?.['source'] as string | undefined,
    retryAfterSeconds: extensions?.['retryAfterSeconds'] as number | undefined,
    path: path ?? [],
  }));
  if (coded.length > 0) return coded;
  return [{ code: status === 401 ? 'UNAUTHENTICATED' : status === 403 ? 'FORBIDDEN' : 'NO_ANSWER', path: [] }];
}
