import type { OpportunityStatus } from '../gql/graphql';
import { sourceName } from '../failures';
import { useHue, useLate } from '../sources';
import { words } from '../text';

/** Which system has a deal. */
export function SourceBadge({ source }: { source: string }) {
  const hue = useHue();
  return (
    <span class="source" data-hue={hue(source)}>
      {sourceName(source)}
    </span>
  );
}

export const StatusBadge = ({ status }: { status: OpportunityStatus | null }) => (
  <span class="status" data-status={status ?? 'UNKNOWN'}>
    {status ? words(status) : 'Status not known'}
  </span>
);

/** Marks a deal whose source cannot be read now: it is shown as it was. */
export function LateMark({ source }: { source: string }) {
  const late = useLate()(source);
  if (!late) return null;
  return (
    <span class="late-mark" title={late}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 2a6 6 0 1 0 .01 0 M8 4.8V8l2.2 1.6" />
      </svg>
      <span class="hidden">Stale.</span>
    </span>
  );
}
