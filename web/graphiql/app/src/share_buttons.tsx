// The buttons that give the query to somebody else, behind GraphiQL's own.
import { ToolbarButton, useGraphiQL } from '@graphiql/react';
import { type ReactNode, useEffect, useState } from 'react';
import { copy } from './clipboard';
import { curl } from './curl';
import { operationName } from './fetcher';
import { linkTo } from './link';

interface ShareProps {
  label: string;
  /** What is copied; throws where the variables are no JSON. */
  text: () => string;
  children: ReactNode;
}

const NOTICE_MILLISECONDS = 2_000;

function CopyButton({ label, text, children }: ShareProps) {
  const [notice, setNotice] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setNotice(''), NOTICE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [notice]);
  const onClick = async () => {
    try {
      setNotice((await copy(text())) ? 'Copied' : 'The browser does not allow it');
    } catch {
      setNotice('The variables are not JSON');
    }
  };
  return (
    <div className="copy-button">
      <ToolbarButton label={label} onClick={onClick}>
        <svg className="graphiql-toolbar-icon" viewBox="0 0 16 16" fill="none" stroke="currentColor" aria-hidden="true">
          {children}
        </svg>
      </ToolbarButton>
      <span role="status">{notice}</span>
    </div>
  );
}

export function ShareButtons() {
  const { queryEditor, variableEditor, operationName: name } = useGraphiQL((state) => state);
  const contents = () => {
    const query = queryEditor?.getValue() ?? '';
    return { query, variables: variableEditor?.getValue() ?? '' };
  };
  const command = () => {
    const { query, variables } = contents();
    const given = variables.trim() && { variables: JSON.parse(variables) };
    const executed = operationName({ query, operationName: name });
    return curl({ query, ...given, ...(executed && { operationName: executed }) });
  };
  return (
    <>
      <CopyButton label="Copy as curl" text={command}>
        <path d="M2 3.5h12v9H2zM4.5 6l2 2-2 2M8 10.5h3" strokeLinejoin="round" strokeLinecap="round" />
      </CopyButton>
      <CopyButton label="Copy link to this query" text={() => linkTo(contents())}>
        <path d="M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5 7.5 13A3 3 0 0 1 3 8.5L4.5 7" strokeLinecap="round" />
      </CopyButton>
    </>
  );
}
