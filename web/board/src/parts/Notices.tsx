import type { CombinedError } from '@urql/core';
import { failures, sentence } from '../failures';

/** What went wrong with what is shown here, once each. */
export function Notices({ error, retry }: { error: CombinedError | undefined; retry?: () => void }) {
  const sentences = new Set(failures(error).map(sentence));
  if (sentences.size === 0) return null;
  return (
    <div class="notice" role="alert">
      <p>{[...sentences].join(' ')}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
