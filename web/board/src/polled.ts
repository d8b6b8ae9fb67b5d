import type { AnyVariables, CombinedError, TypedDocumentNode } from '@urql/core';
import { useQuery } from '@urql/preact';
import { useEffect, useRef } from 'preact/hooks';

/** Tells by `renew` that there is something new: whatever is asked for every so often is asked for at once. */
export const news = new EventTarget();

/** Calls a function every so often, while somebody looks at the page; when they come back to it; and when there is news. */
export function useInterval(call: () => void, milliseconds: number): void {
  const latest = useRef(call);
  latest.current = call;
  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && latest.current();
    const timer = setInterval(look, milliseconds);
    document.addEventListener('visibilitychange', look);
    news.addEventListener('renew', look);
    return () => {
      clearInterval(timer);
      news.removeEventListener('renew', look);
      document.removeEventListener('visibilitychange', look);
    };
  }, [milliseconds]);
}

export const DATA_MILLISECONDS = 15_000;

/** Asks again every so often. What there was stays while the next answer is awaited, and when it does not come. */
export function usePolled<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  milliseconds = DATA_MILLISECONDS,
): {
  data: Data | undefined;
  error: CombinedError | undefined;
  extensions: Record<string, unknown> | undefined;
  isLoading: boolean;
  again: () => void;
} {
  const [{ data, error, extensions, fetching }, execute] = useQuery<Data, Variables>({ query, variables } as never);
  const again = () => execute({ requestPolicy: 'network-only' });
  const last = useRef<Data | undefined>(undefined);
  if (data) last.current = data;
  useInterval(again, milliseconds);
  return { data: data ?? last.current, error, extensions, isLoading: fetching && !data, again };
}
