// A pane with the page on errors (docs/errors.md), at the code that was asked for.
import { type GraphiQLPlugin, MarkdownContent } from '@graphiql/react';
import { useEffect, useRef, useState } from 'react';
import { page } from './page';
import { usePage } from './state';

let loading: Promise<string> | null = null;
const load = () =>
  (loading ??= fetch(page.errors)
    .then((reply) => (reply.ok ? reply.text() : Promise.reject(new Error(`status ${reply.status}`))))
    .catch((error: Error) => {
      loading = null;
      return `The page on errors could not be read (${error.message}).`;
    }));

const CODE = /^## `?([A-Z_]{3,})`?\n/m;

/** Return the sections of the page: of each code, and what comes before them under an empty one. */
export function sections(text: string): Map<string, string> {
  const [before, ...rest] = text.split(CODE);
  const found = new Map([['', before]]);
  for (let n = 0; n < rest.length; n += 2) found.set(rest[n], rest[n + 1]);
  return found;
}

// Links within the repository lead nowhere from here.
const readable = (text: string) => text.replace(/\[([^\]]+)\]\((?!https?:)[^)]*\)/g, '$1');

function Content() {
  const shown = usePage((state) => state.shownCode);
  const [text, setText] = useState('');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => void load().then(setText), []);
  const all = sections(text);
  const code = shown && all.has(shown) ? shown : null;
  useEffect(() => heading.current?.focus(), [code, text]);
  return (
    <section className="error-codes" aria-label="Error codes">
      <h2>Error codes</h2>
      {code && (
        <>
          <h3 tabIndex={-1} ref={heading}>
            {code}
          </h3>
          <MarkdownContent type="description">{readable(all.get(code)!)}</MarkdownContent>
        </>
      )}
      <ul>
        {[...all.keys()].filter(Boolean).map((name) => (
          <li key={name}>
            <button type="button" aria-current={name === code} onClick={() => usePage.setState({ shownCode: name })}>
              {name}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

const Icon = () => (
  <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
    <path d="M10 2.5 18.5 17.5H1.5Z" strokeLinejoin="round" />
    <path d="M10 8v4.5M10 14.5v.75" strokeLinecap="round" />
  </svg>
);

export const ERROR_CODES: GraphiQLPlugin = { title: 'Error codes', icon: Icon, content: Content };
