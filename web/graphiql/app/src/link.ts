// Links to a query. It is in the fragment, which browsers keep to themselves: no proxy and no log sees it.

export interface LinkedQuery {
  query: string;
  variables: string;
}

/** Return a link that opens this query in a tab. Headers and credentials are never part of it. */
export function linkTo({ query, variables }: LinkedQuery): string {
  const given = { query, ...(variables.trim() && { variables }) };
  return `${location.origin}${location.pathname}#${new URLSearchParams(given)}`;
}

/** The query of the link that the page was opened by; `?query=…`, which other programs make, counts too. */
export function linkedQuery(): LinkedQuery | null {
  for (const text of [location.hash.slice(1), location.search]) {
    const given = new URLSearchParams(text);
    const query = given.get('query');
    if (query) return { query, variables: given.get('variables') ?? '' };
  }
  return null;
}

/** The error code that the link names: `#upstream_timeout`, as headings of a rendered docs/errors.md are named. */
export function linkedCode(): string | null {
  return /^#[a-z_]+$/.test(location.hash) ? location.hash.slice(1).toUpperCase() : null;
}
