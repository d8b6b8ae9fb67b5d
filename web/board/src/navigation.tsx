import type { ComponentChildren } from 'preact';
import { createContext } from 'preact';
import { useContext, useMemo } from 'preact/hooks';
import { address, readRoute, useHash } from './route';
import type { Route } from './route';

type Navigation = {
  route: Route;
  /** Goes to this address, changed in these parts; `replace`: the browser's back button leaves it out. */
  go: (part: Partial<Route>, replace?: boolean) => void;
  /** The address of such a link. */
  link: (part: Partial<Route>) => string;
};

const Context = createContext<Navigation>({ route: readRoute(''), go: () => {}, link: () => '' });

export const useNavigation = () => useContext(Context);

export function NavigationProvider({ children }: { children: ComponentChildren }) {
  const hash = useHash();
  const value = useMemo(() => {
    const route = readRoute(hash);
    const link = (part: Partial<Route>) => address({ ...route, ...part });
    const go = (part: Partial<Route>, replace = false) => {
      if (link(part) === hash) return;
      history[replace ? 'replaceState' : 'pushState'](null, '', link(part));
      dispatchEvent(new HashChangeEvent('hashchange'));
    };
    return { route, go, link };
  }, [hash]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}
