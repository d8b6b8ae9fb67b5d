import { useQuery } from '@apollo/client/react';
import type { ReactNode } from 'react';
import { useEffect } from 'react';
import { LIVE } from './client';
import type { Deal, DealDetails } from './documents';
import { DEAL, DEAL_DETAILS } from './documents';
import { failures, sourceName } from './failures';
import { Notices } from './Notices';
import { ago, amount, customerName, date, time, useNow, words } from './text';

/** A deal: at once what a list has loaded of it, without a request; then all of it, as its source has it now. */
export function DealPage({ id, back }: { id: string; back: string }) {
  const now = useNow();
  const deal = useQuery(DEAL, { variables: { id }, fetchPolicy: 'cache-only' }).data?.opportunity;
  const { data, previousData, error, loading, refetch } = useQuery(DEAL_DETAILS, {
    variables: { id },
    fetchPolicy: 'cache-and-network',
  });
  // An error takes nothing away that was there.
  const details = data?.node ?? (error && previousData?.node);
  const title = deal ? customerName(deal) : 'Deal';
  const isGone = !loading && !error && data?.node === null;

  useEffect(() => {
    document.title = title;
  }, [title]);

  return (
    <article>
      <a href={back}>← All deals</a>
      <h1>{title}</h1>
      <Notices failures={failures(error).others} retry={() => void refetch()} />
      {isGone && (
        <div className="notice" role="status">
          {deal ? `This deal is no longer in ${sourceName(deal.source)}.` : 'There is no such deal.'}
        </div>
      )}
      {deal && <Head deal={deal} now={now} />}
      {details && <Details details={details} />}
      {loading && !details && <p className="empty">Reading more…</p>}
    </article>
  );
}

function Head({ deal, now }: { deal: Deal; now: number }) {
  return (
    <dl>
      <Field label="Status">
        <span className="status" data-status={deal.status}>
          {deal.status ? words(deal.status) : 'Unknown'}
        </span>
      </Field>
      <Field label="Value">{amount(deal.value)}</Field>
      <Field label="Stage">{deal.stageName}</Field>
      <Field label="Pipeline">{deal.pipelineName}</Field>
      <Field label="Customer">{[deal.customer?.name, deal.customer?.email].filter(Boolean).join(', ')}</Field>
      <Field label="Owner">{deal.owner?.name ?? deal.owner?.email}</Field>
      <Field label="Created">{time(deal.createdAt)}</Field>
      <Field label="Changed">{time(deal.updatedAt)}</Field>
      <Field label={sourceName(deal.source)}>{deal.sourceId}</Field>
      <Field label="Read from there">{deal.asOf && ago(deal.asOf, now)}</Field>
    </dl>
  );
}

/** What only this source says: the compiler knows which fields each has. */
function Details({ details }: { details: DealDetails }) {
  if (details.__typename === 'ChartMogulOpportunity') {
    return (
      <dl aria-label="Details">
        <Field label="Kind of amount">{details.type && words(details.type)}</Field>
        <Field label="Forecast">{details.forecastCategory && words(details.forecastCategory)}</Field>
        <Field label="Likelihood">{details.winLikelihood !== null && `${details.winLikelihood} %`}</Field>
        <Field label="Expected to close">{date(details.estimatedCloseDate)}</Field>
        {details.custom.map(({ key, value }) => (
          <Field key={key} label={key}>
            {typeof value === 'string' ? value : JSON.stringify(value)}
          </Field>
        ))}
      </dl>
    );
  }
  const { utm } = details;
  return (
    <dl aria-label="Details">
      <Field label="Name">{details.name}</Field>
      <Field label="Kind">{details.opportunityType?.name}</Field>
      <Field label="Lead source">{details.leadSource && words(details.leadSource)}</Field>
      <Field label="Loss reason">{details.lossReason && words(details.lossReason)}</Field>
      <Field label="Follow up">{time(details.dueDate)}</Field>
      <Field label="Won">{time(details.wonOn)}</Field>
      <Field label="Lost">{time(details.lostOn)}</Field>
      <Field label="Campaign">{[utm?.source, utm?.medium, utm?.campaign].filter(Boolean).join(' / ')}</Field>
      <Field label="Notes">{details.notes}</Field>
    </dl>
  );
}

const Field = ({ label, children }: { label: string; children: ReactNode }) => (
  <div>
    <dt>{label}</dt>
    <dd>{children || '–'}</dd>
  </div>
);
