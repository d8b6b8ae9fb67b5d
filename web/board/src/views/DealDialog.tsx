import type { CombinedError } from '@urql/core';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { DEAL_DETAILS, OF_ANY_AGE } from '../documents';
import type { DealDetails } from '../documents';
import { failures, mayPass, sentence, sourceName, staleCode } from '../failures';
import { useNavigation } from '../navigation';
import { SourceBadge, StatusBadge } from '../parts/Badges';
import { NoticeScope, useNotice } from '../parts/Notices';
import { usePolled } from '../polled';
import { ago, customerName, decimal, useNow } from '../text';
import { DealFacts } from './DealFacts';
import { SameCustomer } from './SameCustomer';

const LIVE_MILLISECONDS = 30_000;
const OLD_MILLISECONDS = 120_000;

/** A deal's page, over the view that it was opened from: at once the copy's, then as its source has it now. */
export function DealDialog({ id }: { id: string }) {
  const { go } = useNavigation();
  const dialog = useRef<HTMLDialogElement>(null);
  const copy = usePolled(DEAL_DETAILS, { id, freshness: OF_ANY_AGE }, LIVE_MILLISECONDS);
  const live = usePolled(DEAL_DETAILS, { id }, LIVE_MILLISECONDS);
  const fresh = live.data?.opportunity;
  const deal = fresh ?? copy.data?.opportunity;
  const code = staleCode(live.extensions, id);
  const trouble = [
    ...failures(live.error).filter(({ path }) => path.length < 2),
    ...(code ? [{ code, source: deal?.source }] : []),
  ];
  const isGone = !live.isLoading && !live.error && live.data?.opportunity === null;
  const title = deal ? customerName(deal) : isGone ? 'No such deal' : 'Deal';

  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close(); // which gives the focus back to where it was
  }, []);
  useEffect(() => {
    document.title = `${title} · Pipeline`;
  }, [title]);

  const close = () => go({ deal: undefined });
  return (
    <dialog
      ref={dialog}
      class="deal"
      aria-labelledby="deal-title"
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => event.target === event.currentTarget && close()}
    >
      <article>
        <header>
          <div class="line">
            {deal && <SourceBadge source={deal.source} />}
            {deal && <StatusBadge status={deal.status} />}
            <button type="button" class="icon close" onClick={close} aria-label="Close">
              <svg viewBox="0 0 20 20" aria-hidden="true">
                <path d="M5 5l10 10 M15 5L5 15" />
              </svg>
            </button>
          </div>
          <h2 id="deal-title" tabIndex={-1} autofocus>{title}</h2>
          {deal && <Headline deal={deal} />}
          {deal && <Age deal={deal} isLive={Boolean(fresh) && !code} isLoading={live.isLoading} />}
        </header>
        {trouble.length > 0 && (
          <div class="notice" role="alert" data-code={trouble[0]?.code}>
            <p>
              {trouble.map(sentence).join(' ')}
              {deal && ' What you see is the copy that the server keeps.'}
            </p>
            {trouble.some(mayPass) && (
              <button type="button" onClick={live.again}>
                Try again
              </button>
            )}
          </div>
        )}
        {isGone && (
          <p class="notice" role="alert">
            {deal ? `This deal is no longer in ${sourceName(deal.source)}.` : 'No system has such a deal.'}
          </p>
        )}
        <NoticeScope told={trouble.map(sentence)}>
          {!deal && !live.isLoading && !isGone && <Failed error={copy.error} retry={copy.again} />}
          {!deal && (live.isLoading || copy.isLoading) && <p class="empty">Reading…</p>}
          {deal && <DealFacts deal={deal} refused={failures(fresh ? live.error : copy.error)} />}
          {deal && <SameCustomer id={id} source={deal.source} />}
        </NoticeScope>
      </article>
    </dialog>
  );
}

function Failed({ error, retry }: { error: CombinedError | undefined; retry: () => void }) {
  useNotice(error, retry);
  return null;
}

function Headline({ deal }: { deal: DealDetails }) {
  const kind = deal.__typename === 'ChartMogulOpportunity' ? deal.rawType : null;
  return (
    <div class="headline">
      <p class="worth">
        {deal.value ? (
          <>
            <b>{decimal(deal.value.amount)}</b> {deal.value.currencyCode}
            {kind && <span> {kind}</span>}
          </>
        ) : (
          <span class="faint">No amount recorded</span>
        )}
      </p>
      <p>
        {deal.stageName ?? 'No stage'} <span class="faint">in</span> {deal.pipelineName ?? 'no pipeline'}
      </p>
      {deal.url && (
        <a class="primary" href={deal.url} target="_blank" rel="noreferrer">
          Open in {sourceName(deal.source)}
        </a>
      )}
    </div>
  );
}

function Age({ deal, isLive, isLoading }: { deal: DealDetails; isLive: boolean; isLoading: boolean }) {
  const now = useNow();
  const isOld = deal.asOf ? now - Date.parse(deal.asOf) > OLD_MILLISECONDS : false;
  const isStale = !isLoading && (!isLive || isOld);
  return (
    <p class="age" data-stale={isStale}>
      {isStale && <b>Stale: </b>}
      {deal.asOf ? `read from ${sourceName(deal.source)} ${ago(deal.asOf, now)}` : 'when it was read is not known'}
      {isLoading && ', asking again…'}
    </p>
  );
}
