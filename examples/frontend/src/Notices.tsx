import type { Failure } from './failures';
import { sentence } from './failures';

/** What went wrong, each thing once. */
export function Notices({ failures, retry }: { failures: Failure[]; retry?: () => void }) {
  const sentences = new Set(failures.map(sentence));
  if (sentences.size === 0) return null;
  return (
    <div className="notice" role="alert">
      {[...sentences].join(' ')}
      {retry && failures.some(({ retryable }) => retryable) && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
