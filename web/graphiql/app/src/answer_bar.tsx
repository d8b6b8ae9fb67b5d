// Below the answer of a tab: how its request went, and what its error codes mean.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useState } from 'react';
import { ERROR_CODES } from './error_codes';
import { type ErrorCode, type Exchange, usePage } from './state';

const size = (bytes: number) => (bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`);
const time = (milliseconds: number) =>
  milliseconds < 1000 ? `${Math.max(1, Math.round(milliseconds))} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

function CodeLink({ code, docs }: ErrorCode) {
  const { setVisiblePlugin } = useGraphiQLActions();
  const show = () => {
    usePage.setState({ shownCode: code });
    setVisiblePlugin(ERROR_CODES);
  };
  const href = docs ?? `#${code.toLowerCase()}`;
  const isHere = new URL(href, location.href).pathname === location.pathname;
  const open = (event: React.MouseEvent) => {
    if (!isHere) return;
    event.preventDefault();
    show();
  };
  return (
    <a href={href} onClick={open} {...(!isHere && { target: '_blank', rel: 'noreferrer' })} title={`What ${code} means`}>
      {code}
    </a>
  );
}

export function AnswerBar() {
  const last = usePage((state) => state.exchange);
  const { isFetching, tabs, activeTabIndex } = useGraphiQL((state) => state);
  const tab = tabs[activeTabIndex].id;
  const [byTab, setByTab] = useState<Record<string, Exchange | null>>({});
  // An answer comes for the tab that is open: GraphiQL gives up waiting when its user goes to another one.
  useEffect(() => setByTab((known) => ({ ...known, [tab]: last })), [last]);
  const exchange = byTab[tab];
  if (!exchange) return <p className="answer-bar">{isFetching ? 'Waiting for the answer …' : 'No answer yet'}</p>;
  const { status, isRefused, milliseconds, bytes, requestId, errors } = exchange;
  return (
    <div className="answer-bar" role="status" aria-label="Answer">
      <strong className={isRefused || errors.length ? 'has-errors' : ''}>{status}</strong>
      <span title="From sending the request to the whole answer">{time(milliseconds)}</span>
      <span title={`${bytes} bytes`}>{size(bytes)}</span>
      {errors.map((error) => (
        <CodeLink key={error.code} {...error} />
      ))}
      {requestId && (
        <span className="request-id" title="In the server's log, each line about this request has it">
          request <code>{requestId}</code>
        </span>
      )}
    </div>
  );
}
