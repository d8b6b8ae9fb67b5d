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

export const HEADERS = { 'content-type': 'application/json' };
const ANSWER = 'application/graphql-response+json, application/json';

const problem = (message: string, reply?: unknown): Answer => ({ errors: [{ message }], ...(reply ? { reply } : {}) });

const codes = (answer: Answer): ErrorCode[] => {
  const found = new Map<string, ErrorCode>();
  for (const { extensions } of answer.errors ?? []) {
    if (extensions?.code) found.set(extensions.code, { code: extensions.code, docs: extensions.docs ?? null });
  }
  return [...found.values()];
};

/** Post a request with the credential of this tab, and return the reply; an answer that says why where there is none. */
export async function post(
  params: Params,
  given: Record<string, unknown>,
  accept: string,
  signal: AbortSignal | null = null,
): Promise<Response | Answer> {
  const { credential } = usePage.getState();
  try {
    const headers = new Headers({ ...HEADERS, accept });
    if (credential) headers.set(credential.header, credential.value);
    for (const [name, value] of Object.entries(given)) headers.set(name, String(value));
    const body = JSON.stringify(params);
    return await fetch(page.endpoint, { method: 'POST', credentials: 'same-origin', headers, body, signal });
  } catch (error) {
    return noAnswer(error as Error);
  }
}

const noAnswer = ({ message }: Error) =>
  problem(
    `No answer from ${page.endpoint.pathname} (${message}). The server may be down, the network may have failed, a ` +
      'header may not be valid, or a proxy may want you to sign in again: then reload the page.',
  );

const statusOf = (reply: Response) => `${reply.status} ${reply.statusText}`.trim();

/** Return how a request went that was begun at this time. */
export const exchangeOf = (reply: Response, begun: number, bytes: number, answer: Answer): Exchange => ({
  status: statusOf(reply),
  isRefused: !reply.ok,
  milliseconds: performance.now() - begun,
  bytes,
  requestId: reply.headers.get('x-request-id'),
  errors: codes(answer),
});

/** Read a reply to its end. What is no GraphQL response is told as text, never thrown. */
export async function answerOf(reply: Response, begun: number): Promise<[Answer, Exchange | null]> {
  let text: string;
  try {
    text = await reply.text();
  } catch (error) {
    return [noAnswer(error as Error), null];
  }
  let answer: Answer;
  try {
    answer = JSON.parse(text);
  } catch {
    const type = reply.headers.get('content-type') ?? 'no content type';
    const message = `${page.endpoint.pathname} answered ${statusOf(reply)} with ${type}, which is not JSON.`;
    answer = problem(message, { status: reply.status, body: text.slice(0, 2000).split('\n') });
  }
  return [answer, exchangeOf(reply, begun, new TextEncoder().encode(text).length, answer)];
}

/** Send a request, and return its answer and how it went. */
export async function send(params: Params, given: Record<string, unknown> = {}): Promise<[Answer, Exchange | null]> {
  const begun = performance.now();
  const reply = await post(params, given, ANSWER);
  return reply instanceof Response ? answerOf(reply, begun) : [reply, null];
}
