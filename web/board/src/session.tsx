// Who looks at this page, and what they may see.
import { Provider } from '@urql/preact';
import type { ComponentChildren } from 'preact';
import { createContext } from 'preact';
import { useContext, useEffect, useMemo, useState } from 'preact/hooks';
import { createClient } from './client';
import type { Credential } from './credential';
import { keepCredential, readCredential } from './credential';
import { ACCESS } from './documents';
import type { Failure } from './failures';
import { failures } from './failures';

export type Session = {
  credential: Credential | undefined;
  signIn: (credential: Credential | undefined) => void;
  /** Whether this caller may see names, email addresses and owners. */
  seesPeople: boolean;
};

const UNAUTHENTICATED: Failure = { code: 'UNAUTHENTICATED', path: [] };

const Context = createContext<Session>({ credential: undefined, signIn: () => {}, seesPeople: false });

export const useSession = () => useContext(Context);

type Props = { children: ComponentChildren; refused: (failure: Failure, wasTried: boolean) => ComponentChildren };

/** Shows the page once it is known who looks at it: `refused` in its place, as long as the graph answers them nothing. */
export function SessionProvider({ children, refused }: Props) {
  const [credential, setCredential] = useState(readCredential);
  const [found, setFound] = useState<{ seesPeople: boolean } | { failure: Failure }>();
  const client = useMemo(() => createClient(credential, () => setFound({ failure: UNAUTHENTICATED })), [credential]);
  const signIn = (given: Credential | undefined) => {
    keepCredential(given);
    setFound(undefined);
    setCredential(given);
  };
  useEffect(() => {
    let isOver = false;
    void client
      .query(ACCESS, {}, { requestPolicy: 'network-only' })
      .toPromise()
      .then(({ error }) => {
        const all = failures(error);
        const refusals = all.filter(({ code }) => code === UNAUTHENTICATED.code || code === 'FORBIDDEN');
        const refusal = refusals.find(({ path }) => path[0] !== 'people');
        if (!isOver) setFound(refusal ? { failure: refusal } : { seesPeople: refusals.length === 0 });
      });
    return () => {
      isOver = true;
    };
  }, [client]);
  if (!found) return <p class="starting">Reading the pipeline…</p>;
  if ('failure' in found) {
    return <Context.Provider value={{ credential, signIn, seesPeople: false }}>{refused(found.failure, Boolean(credential))}</Context.Provider>;
  }
  return (
    <Provider value={client}>
      <Context.Provider value={{ credential, signIn, seesPeople: found.seesPeople }}>{children}</Context.Provider>
    </Provider>
  );
}
