import { sentence, sourceName } from '../failures';
import { standing, trouble, useSources } from '../sources';
import { ago, count, useNow } from '../text';

/** How old the copy of each source is that this page shows: always in sight. */
export function Freshness() {
  const { all, isReached } = useSources();
  const now = useNow();
  return (
    <ul class="freshness" aria-label="How current the sources are">
      {!isReached && (
        <li data-standing="bad">
          <b>The server does not answer</b>
        </li>
      )}
      {all.map((source) => {
        const wrong = trouble(source);
        const { asOf, rows, lastError } = source.status ?? {};
        return (
          <li
            key={source.name}
            data-standing={isReached ? standing(source) : 'none'}
            data-source={source.name}
            title={[rows != null && `${count(rows)} deals in the copy`, lastError && `last error ${lastError}`]
              .filter(Boolean)
              .join(', ')}
          >
            <b>{sourceName(source.name)}</b>
            <span>
              {asOf ? <time dateTime={asOf}>{ago(asOf, now)}</time> : !wrong && 'not read yet'}
              {wrong && <em> {wrong}</em>}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** What a source's failure means for what is shown, in words; announced when it begins. */
export function SourceWarnings() {
  const { all } = useSources();
  const now = useNow();
  const shown = all.filter((source) => ['late', 'bad'].includes(standing(source)));
  return (
    <div class="warnings" role="status">
      {shown.map((source) => (
        <p key={source.name} data-source={source.name}>
          {source.status?.lastError ? (
            sentence({ code: source.status.lastError, source: source.name })
          ) : (
            <>
              {sourceName(source.name)}: {trouble(source)}.
            </>
          )}{' '}
          {source.status?.isComplete && source.status.asOf
            ? `Its deals are shown as they were ${ago(source.status.asOf, now)}.`
            : 'Not all of its deals are here yet.'}
        </p>
      ))}
    </div>
  );
}
