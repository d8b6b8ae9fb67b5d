// What the programs here share: the address of the server under test, records of the demo, one way to ask, one way to
// report. Each check is a line, `ok   what holds` or `FAIL what does not — what was seen`.
import { createServer } from 'node:net';
import { isDeepStrictEqual } from 'node:util';

/** The GraphQL endpoint under test: the program's only argument. */
export const SERVER = process.argv[2];

export const NEXUDUS = { type: 'NexudusOpportunity', sourceId: '1427000501', id: 'bmV4dWR1czoxNDI3MDAwNTAx' };
export const CHARTMOGUL = {
  type: 'ChartMogulOpportunity',
  sourceId: '4ee13ca4-e7fe-11ee-8a7f-f303abf41acc',
  id: 'Y2hhcnRtb2d1bDo0ZWUxM2NhNC1lN2ZlLTExZWUtOGE3Zi1mMzAzYWJmNDFhY2M',
};

let failures = 0;

/** Reports one check. `seen` is printed when it fails. */
export function check(what, holds, seen) {
  if (!holds) failures += 1;
  const detail = seen instanceof Error ? seen.stack : JSON.stringify(seen);
  console.log(holds ? `ok   ${what}` : `FAIL ${what} — ${String(detail).replaceAll('\n', ' ').slice(0, 1500)}`);
}

/** Reports whether two values are equal all the way down. */
export function checkEqual(what, seen, expected) {
  const plain = JSON.parse(JSON.stringify(seen ?? null));
  check(what, isDeepStrictEqual(plain, expected), seen);
}

/** Ends the program: status 0 if every check held. */
export const finish = () => process.exit(failures ? 1 : 0);

/** Sends a query; returns the response's JSON. */
export async function ask(url, query, variables, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(15_000),
  });
  return response.json();
}

/** The first response of a subscription that is sent as an event; the stream is then closed. */
export async function firstEvent(url, query, headers = {}) {
  const leaving = new AbortController();
  const timer = setTimeout(() => leaving.abort(), 15_000);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
      body: JSON.stringify({ query }),
      signal: leaving.signal,
    });
    let text = '';
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      const found = /^event: next\ndata: (.+)$/m.exec(text);
      if (found && text.includes('\n\n', found.index)) return JSON.parse(found[1]);
    }
    return text;
  } finally {
    clearTimeout(timer);
    leaving.abort();
  }
}

/** The subgraph's schema as a gateway fetches it. */
export const fetchSdl = async () => (await ask(SERVER, '{ _service { sdl } }')).data._service.sdl;

/** A port that is free now. */
export const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
