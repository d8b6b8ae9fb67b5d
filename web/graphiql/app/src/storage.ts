// What the browser remembers between visits: tabs and history, never a header.
import { page } from './page';

const HISTORY = ['graphiql:queries', 'graphiql:favorites'];

/** Each endpoint keeps its own: `localhost:8000` serves another project tomorrow. Without storage, none. */
function openStorage(): Storage | undefined {
  const prefix = `${page.endpoint.pathname}:`;
  // `shouldPersistHeaders: false` leaves out the history: it would keep every Authorization header ever sent.
  const withoutHeaders = (key: string, value: unknown) => (key === 'headers' ? undefined : value);
  try {
    localStorage.getItem(prefix);
  } catch {
    return undefined; // the browser forbids it
  }
  const names = () => Object.keys(localStorage).filter((name) => name.startsWith(prefix));
  return {
    get length() {
      return names().length;
    },
    key: (index) => names()[index]?.slice(prefix.length) ?? null,
    getItem: (name) => localStorage.getItem(prefix + name),
    setItem: (name, value) =>
      localStorage.setItem(prefix + name, HISTORY.includes(name) ? JSON.stringify(JSON.parse(value), withoutHeaders) : value),
    removeItem: (name) => localStorage.removeItem(prefix + name),
    clear: () => names().forEach((name) => localStorage.removeItem(name)),
  };
}

export const storage = openStorage();

export interface Tab {
  query: string | null;
  variables: string | null;
}

/** The tab that the user left here, if any. */
export function storedTab(): Tab | null {
  try {
    const state = JSON.parse(storage?.getItem('graphiql:tabState') ?? '');
    return state.tabs[state.activeTabIndex] ?? state.tabs[0] ?? null;
  } catch {
    return null;
  }
}
