// The credential that somebody has signed in with: for this tab alone, and for GraphiQL in it.
const NAME = 'opportunity-graph.credential';

/** The headers of credentials, as the graph takes them (`docs/security.md`): in the order of all pages of the server. */
export const HEADERS = ['X-API-Key', 'Authorization'] as const;
type Header = (typeof HEADERS)[number];

/** A header and its value. */
export type Credential = { header: Header; value: string };

/** Returns how people call what a header carries. */
export const kindOf = (header: Header) => (header === 'Authorization' ? 'Token' : 'API key');

/** Returns the credential of a secret as it was typed. */
export function credentialFrom(header: Header, secret: string): Credential {
  const text = secret.trim();
  return { header, value: header === 'Authorization' ? `Bearer ${text.replace(/^bearer\s+/i, '')}` : text };
}

export function readCredential(): Credential | undefined {
  try {
    const found = JSON.parse(sessionStorage.getItem(NAME) ?? 'null') as Partial<Credential> | null;
    return HEADERS.some((one) => one === found?.header) && typeof found?.value === 'string' ? (found as Credential) : undefined;
  } catch {
    return undefined;
  }
}

export function keepCredential(credential: Credential | undefined): void {
  if (credential) sessionStorage.setItem(NAME, JSON.stringify(credential));
  else sessionStorage.removeItem(NAME);
}
