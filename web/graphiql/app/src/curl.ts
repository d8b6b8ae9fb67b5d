import { BEARER } from './credential';
import { isSubscription } from './fetcher';
import { EVENTS } from './follow';
import { page } from './page';
import { HEADERS, type Params } from './send';
import { usePage } from './state';

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Return a request as a command of a shell. In place of the credential it has a variable, never the credential. */
export function curl(params: Params): string {
  const header = usePage.getState().credential?.header ?? page.credentials[0];
  const credential = header === BEARER ? '"Authorization: Bearer $TOKEN"' : header && `"${header}: $API_KEY"`;
  const isStream = isSubscription(params);
  return [
    `curl ${isStream ? '--no-buffer ' : ''}${quoted(page.endpoint.origin + page.endpoint.pathname)}`,
    ...(isStream ? [`-H ${quoted(`Accept: ${EVENTS}`)}`] : []),
    `-H ${quoted(`Content-Type: ${HEADERS['content-type']}`)}`,
    ...(credential ? [`-H ${credential}`] : []),
    `--data-raw ${quoted(JSON.stringify(params))}`,
  ].join(' \\\n  ');
}
