import type { CombinedError } from '@urql/core';
import type { ComponentChildren } from 'preact';
import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import { failures, mayPass, sentence } from '../failures';

type Report = { sentences: string[]; mayPass: boolean; retry: () => void };
type Tell = (part: object, report: Report | undefined) => void;

const Context = createContext<Tell>(() => {});
const NONE: string[] = [];

/**
 * Says above its children what went wrong with them: each failure once, however many of them it hit, and one button asks
 * for all of them again, where that can help. What is `told` elsewhere is left out.
 */
export function NoticeScope({ told = NONE, children }: { told?: string[]; children: ComponentChildren }) {
  const [reports, setReports] = useState<ReadonlyMap<object, Report>>(new Map());
  const tell = useCallback<Tell>((part, report) => {
    setReports((before) => {
      const after = new Map(before);
      if (report) after.set(part, report);
      else after.delete(part);
      return after;
    });
  }, []);
  const sentences = [...new Set([...reports.values()].flatMap((one) => one.sentences))].filter((one) => !told.includes(one));
  return (
    <Context.Provider value={tell}>
      {sentences.length > 0 && (
        <div class="notice" role="alert">
          <p>{sentences.join(' ')}</p>
          {[...reports.values()].some((one) => one.mayPass) && (
            <button type="button" onClick={() => reports.forEach(({ retry }) => retry())}>
              Try again
            </button>
          )}
        </div>
      )}
      {children}
    </Context.Provider>
  );
}

/** Has the scope around say what went wrong here, as long as it does. */
export function useNotice(error: CombinedError | undefined, retry: () => void): void {
  const tell = useContext(Context);
  const part = useRef({}).current;
  const latest = useRef(retry);
  latest.current = retry;
  const found = failures(error);
  const said = [...new Set(found.map(sentence))].join('\n');
  const isPassing = found.some(mayPass);
  useEffect(() => {
    if (!said) return;
    tell(part, { sentences: said.split('\n'), mayPass: isPassing, retry: () => latest.current() });
    return () => tell(part, undefined);
  }, [tell, part, said, isPassing]);
}
