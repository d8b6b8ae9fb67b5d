// The credential that somebody has signed in with: for this tab alone, and for GraphiQL in it.
const NAME = 'opportunity-graph.credential';

/** A header and its value, as the graph takes them: `docs/security.md`. */
export type Credential = { header: 'Authorization' | 'X-API-Key'; value: string };

export const bearer = (token: string): Credential => ({ header: 'Authorization', value: `Bearer ${token}` });
export const apiKey = (key: string): Credential => ({ header: 'X-API-Key', value: key });

export function readCredential(): Credential | undefined {
  try {
    const found = JSON.parse(sessionStorage.getItem(NAME) ?? 'null') as Partial<Credential> | null;
    const isHeader = found?.header === 'Authorization' || found?.header === 'X-API-Key';
    return isHeader && typeof found.value === 'string' ? (found as Credential) : undefined;
  } catch {
    return undefined;
  }
}

export function keepCredential(credential: Credential | undefined): void {
  if (credential) sessionStorage.setItem(NAME, JSON.stringify(credential));
  else sessionStorage.removeItem(NAME);
}
