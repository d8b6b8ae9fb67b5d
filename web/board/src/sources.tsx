// How current the copy of each source is: asked every few seconds, and known to every part of the page.
import type { ComponentChildren } from 'preact';
import { createContext } from 'preact';
import { useContext, useEffect, useRef } from 'preact/hooks';
import { SOURCES } from './documents';
import type { Source } from './documents';
import { sourceName } from './failures';
import { news, usePolled } from './polled';
import { words } from './text';

const SOURCES_MILLISECONDS = 4_000;

export type Sources = { all: Source[]; isReached: boolean };
const Context = createContext<Sources>({ all: [], isReached: true });

export const useSources = () => useContext(Context);

export function SourcesProvider({ children }: { children: ComponentChildren }) {
  const { data, error } = usePolled(SOURCES, {}, SOURCES_MILLISECONDS);
  const isReached = !error || error.graphQLErrors.length > 0;
  const known = data?.sources.map(({ status }) => [status?.state, status?.isComplete, status?.rows]);
  const key = known && JSON.stringify(known);
  const last = useRef<string | undefined>(undefined);
  useEffect(() => {
    // A source has been read for the first time, or has other deals than before.
    if (key && last.current && key !== last.current) news.dispatchEvent(new Event('renew'));
    if (key) last.current = key;
  }, [key]);
  return <Context.Provider value={{ all: data?.sources ?? [], isReached }}>{children}</Context.Provider>;
}

/** How a source stands: `late`: its deals are shown as they were; `bad`: some of them may be missing. */
export type Standing = 'good' | 'late' | 'bad' | 'none';

export function standing({ status }: Source): Standing {
  if (!status || status.state === 'NOT_CONFIGURED' || status.state === 'UNLISTED') return 'none';
  if (!status.isComplete) return 'bad';
  return status.state === 'CURRENT' ? 'good' : 'late';
}

const STATES: Record<string, string> = {
  NOT_CONFIGURED: 'not connected',
  UNLISTED: 'has no list',
  WAITING: 'not read yet',
  FILLING: 'being read for the first time',
  INCOMPLETE: 'some deals may be missing',
  FAILING: 'failing',
  BRAKED: 'an operator has to look',
  OFF: 'not kept current by this server',
};

/** Returns what is not as it should be with a source, or null. */
export function trouble({ status }: Source): string | null {
  if (!status) return 'not known';
  const { state, progress } = status;
  if (state === 'CURRENT') return null;
  const read = progress && (progress.total ? `${progress.rows} of ${progress.total} read` : `${progress.rows} read`);
  return [STATES[state] ?? words(state).toLowerCase(), read].filter(Boolean).join(', ');
}

/** Returns the enumeration's name of a source, which deals carry: that of all its accounts. */
export const enumName = ({ name }: Source) => name.split('@')[0]!.toUpperCase();

/** Tells of a deal's source whether its deals are shown as they were a while ago. */
export function useLate(): (source: string) => string | null {
  const { all } = useSources();
  return (source) => {
    const late = all.find((one) => enumName(one) === source && ['late', 'bad'].includes(standing(one)));
    return late ? `${sourceName(source)}: ${trouble(late)}` : null;
  };
}

/** Returns the place of a source among all: its colour. */
export function useHue(): (source: string) => number {
  const { all } = useSources();
  const names = [...new Set(all.map(enumName))];
  return (source) => Math.max(0, names.indexOf(source)) % 4;
}
