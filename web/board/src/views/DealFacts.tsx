import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { DealDetails } from '../documents';
import type { Failure } from '../failures';
import { sentence } from '../failures';
import { chartMogulFacts, nexudusFacts, sharedFacts } from './facts';
import type { Fact, Group } from './facts';

/** All that is known of a deal, in its source's words, and what is not: not recorded, or not for this caller. */
export function DealFacts({ deal, refused }: { deal: DealDetails; refused: Failure[] }) {
  const own = deal.__typename === 'NexudusOpportunity' ? nexudusFacts(deal) : chartMogulFacts(deal);
  const closed = refused.filter(({ code, path }) => code === 'FORBIDDEN' && path.length > 1);
  const failed = refused.filter(({ code, path }) => code !== 'FORBIDDEN' && path.length > 1);
  return (
    <>
      {closed.length > 0 && (
        <p class="note">
          Not shown, since your credential lacks the scope <code>contacts:read</code>: {fieldNames(closed)}.
        </p>
      )}
      {failed.length > 0 && (
        <p class="note">
          {[...new Set(failed.map(sentence))].join(' ')} Missing: {fieldNames(failed)}.
        </p>
      )}
      {[...sharedFacts(deal), ...own].map((group) => (
        <FactGroup key={group.title} {...group} isClosed={(name) => closed.some(({ path }) => path.slice(1).join('.') === name)} />
      ))}
    </>
  );
}

const fieldNames = (refused: Failure[]) =>
  [...new Set(refused.map(({ path }) => path.slice(1).filter((part) => typeof part === 'string').join(' ')))].join(', ');

/** Lets an email address that is too long for its line go on in the next one from its `@`, and not in mid-word. */
function breakable(value: ComponentChildren): ComponentChildren {
  const [, name, host] = (typeof value === 'string' && /^(\S+)(@\S+)$/.exec(value)) || [];
  return name ? [name, <wbr key="wbr" />, host] : value;
}

function FactGroup({ title, facts, isClosed }: Group & { isClosed: (name: string) => boolean }) {
  const heading = useId();
  const known = facts.filter(({ value }) => value !== null);
  const unknown = facts.filter(({ value, field }) => value === null && !isClosed(field ?? ''));
  return (
    <section class="facts" aria-labelledby={heading}>
      <h3 id={heading}>{title}</h3>
      {known.length > 0 && (
        <dl>
          {known.map(({ label, value, isLong }: Fact) => (
            <div key={label} data-long={isLong}>
              <dt>{label}</dt>
              <dd>{breakable(value as ComponentChildren)}</dd>
            </div>
          ))}
        </dl>
      )}
      {unknown.length > 0 && <p class="faint">Not recorded: {unknown.map(({ label }) => label.toLowerCase()).join(', ')}.</p>}
    </section>
  );
}
