// A subscription: one request, whose reply is a stream of events (GraphQL over SSE) that is shown while it goes on.
import { type Answer, answerOf, exchangeOf, type Params, post } from './send';
import { type Exchange, usePage } from './state';

export const EVENTS = 'text/event-stream';
const MOST_SHOWN = 100;

interface Observer {
  next(shown: { events: Answer[] }): void;
  complete(): void;
}

/** What is shown of a stream: its last events, the newest first. GraphiQL ends it when its user stops it. */
export interface Stream {
  subscribe(observer: Observer): { unsubscribe(): void };
}

const BROKEN: Answer = { errors: [{ message: 'The stream broke off. It goes on from its last `cursor`, as `after`.' }] };

/** Send a subscription; return the stream, or the answer where the server gives none. */
export async function follow(
  params: Params,
  given: Record<string, unknown> = {},
): Promise<[Answer | Stream, Exchange | null]> {
  const begun = performance.now();
  const end = new AbortController();
  const reply = await post(params, given, EVENTS, end.signal);
  if (!(reply instanceof Response)) return [reply, null];
  if (!reply.headers.get('content-type')?.startsWith(EVENTS)) return answerOf(reply, begun);
  const subscribe = (observer: Observer) => {
    let events: Answer[] = [];
    const show = (event: Answer, bytes: number) => {
      events = [event, ...events].slice(0, MOST_SHOWN);
      usePage.setState({ exchange: exchangeOf(reply, begun, bytes, event) });
      observer.next({ events });
    };
    read(reply, show, end.signal).finally(() => observer.complete());
    return { unsubscribe: () => end.abort() };
  };
  return [{ subscribe }, null];
}

/** Show each event as it comes, with the bytes that have come so far, until the stream completes or is ended. */
async function read(reply: Response, show: (event: Answer, bytes: number) => void, signal: AbortSignal): Promise<void> {
  const reader = reply.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.length;
      const blocks = (text + decoder.decode(part.value, { stream: true })).split('\n\n');
      text = blocks.pop()!;
      for (const block of blocks) {
        const lines = block.split('\n');
        if (lines.includes('event: complete')) return;
        const data = lines.find((line) => line.startsWith('data: '));
        if (data) show(JSON.parse(data.slice('data: '.length)), bytes);
      }
    }
  } catch {
    // told below, where it was not the user who ended it
  }
  if (!signal.aborted) show(BROKEN, bytes);
}
