// One request to the endpoint, and how it went.
import { page } from './page';
import { type ErrorCode, type Exchange, usePage } from './state';

export interface Params {
  query: string;
  variables?: unknown;
  operationName?: string | null;
}

export interface Answer {
  data?: any;
  errors?: { message: string; extensions?: { code?: string; docs?: string } }[];
  reply?: unknown;
}

export const HEADERS = {
  accept: 'application/graphql-response+json, application/json',
  'content-type': 'application/json',
};

const problem = (message: string, reply?: unknown): Answer => ({ errors: [{ message }], ...(reply ? { reply } : {}) });

const codes = (answer: Answer): ErrorCode[] => {
  const found = new Map<string, ErrorCode>();
  for (const { extensions } of answer.errors ?? []) {
    if (extensions?.code) found.set(extensions.code, { code: extensions.code, docs: extensions.docs ?? null });
  }
  return [...found.values()];
};

/** Send a request with the credential of this tab. What is no GraphQL response is told as text, never thrown. */
export async function send(params: Params, given: Record<string, unknown> = {}): Promise<[Answer, Exchange | null]> {
  const { credential } = usePage.getState();
  const begun = performance.now();
  let reply: Response;
  let text: string;
  try {
    const headers = new Headers(HEADERS);
    if (credential) headers.set(credential.header, credential.value);
    for (const [name, value] of Object.entries(given)) headers.set(name, String(value));
    const body = JSON.stringify(params);
    reply = await fetch(page.endpoint, { method: 'POST', credentials: 'same-origin', headers, body });
    text = await reply.text();
  } catch (error) {
    const message =
      `No answer from ${page.endpoint.pathname} (${(error as Error).message}). The server may be down, the network may ` +
      'have failed, a header may not be valid, or a proxy may want you to sign in again: then reload the page.';
    return [problem(message), null];
  }
  const status = `${reply.status} ${reply.statusText}`.trim();
  let answer: Answer;
  try {
    answer = JSON.parse(text);
  } catch {
    const type = reply.headers.get('content-type') ?? 'no content type';
    const message = `${page.endpoint.pathname} answered ${status} with ${type}, which is not JSON.`;
    answer = problem(message, { status: reply.status, body: text.slice(0, 2000).split('\n') });
  }
  const exchange = {
    status,
    isRefused: !reply.ok,
    milliseconds: performance.now() - begun,
    bytes: new TextEncoder().encode(text).length,
    requestId: reply.headers.get('x-request-id'),
    errors: codes(answer),
  };
  return [answer, exchange];
}
