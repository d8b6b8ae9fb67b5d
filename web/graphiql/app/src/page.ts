// What the server wrote into the page (web/graphiql/page.html). Addresses are relative: the page works behind any path
// prefix, also behind a proxy that does not announce one.
const root = document.getElementById('graphiql')!;
const { title = '', endpoint = '', samples = '', errors = '', credentials = '' } = root.dataset;
const address = (path: string) => new URL(path, location.href);

export const page = {
  root,
  title,
  endpoint: address(endpoint),
  samples: address(samples),
  errors: address(errors),
  /** The headers in which the server takes credentials of people and machines; none where it asks for none. */
  credentials: credentials.split(' ').filter(Boolean),
};
