// The credential that the user signed in with: kept for this tab alone, and sent to the endpoint alone.

const KEY = 'opportunity-graph.credential';

/** A request header. The board keeps the same. */
export interface Credential {
  header: string;
  value: string;
}

export const BEARER = 'Authorization';

/** How people call what a header carries, and with its article. */
export const kindOf = (header: string) => (header === BEARER ? 'token' : 'API key');
export const aKindOf = (header: string) => (header === BEARER ? 'a token' : 'an API key');

export function credentialFrom(header: string, secret: string): Credential {
  const text = secret.trim();
  return { header, value: header === BEARER ? `Bearer ${text.replace(/^bearer\s+/i, '')}` : text };
}

export function storedCredential(): Credential | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    return typeof found?.header === 'string' && typeof found?.value === 'string' ? found : null;
  } catch {
    return null;
  }
}

export function keepCredential(credential: Credential | null): void {
  try {
    if (credential) sessionStorage.setItem(KEY, JSON.stringify(credential));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Where storage is forbidden, it lasts until the page is left.
  }
}
