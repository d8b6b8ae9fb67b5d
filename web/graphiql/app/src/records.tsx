// A pane with deals, the last changed first, to take ids from.
import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { type FormEvent, useEffect, useState } from 'react';
import { copy } from './clipboard';
import { send } from './send';
import { usePage } from './state';

interface Deal {
  id: string;
  source: string;
  sourceId: string;
  status: string | null;
  stageName: string | null;
  customer: { companyName: string | null } | null;
}

const RECORDS = `query Records($search: String) {
  opportunities(first: 50, search: $search) {
    totalCount
    nodes { id source sourceId status stageName customer { companyName } }
  }
}`;

const ONE_DEAL = `query OneDeal($id: ID!) {
  opportunity(id: $id) {
    source
    sourceId
    status
    stageName
    value { amount currencyCode }
    customer { companyName }
  }
}
`;

function Row({ deal, open }: { deal: Deal; open: (id: string) => void }) {
  const [copied, setCopied] = useState('');
  const take = (name: string, text: string) => async () => setCopied((await copy(text)) ? name : '');
  const label = (name: string) => (copied === name ? 'Copied' : `Copy ${name}`);
  return (
    <li>
      <strong>{deal.customer?.companyName || 'No company'}</strong>
      <span>{[deal.source, deal.status, deal.stageName].filter(Boolean).join(' · ')}</span>
      <code>{deal.sourceId}</code>
      <span className="actions">
        <button type="button" title={deal.id} onClick={take('id', deal.id)}>
          {label('id')}
        </button>
        <button type="button" title={deal.sourceId} onClick={take('sourceId', deal.sourceId)}>
          {label('sourceId')}
        </button>
        <button type="button" title="A query for this deal, in a new tab" onClick={() => open(deal.id)}>
          Open query
        </button>
      </span>
    </li>
  );
}

function Content() {
  const [search, setSearch] = useState('');
  const [asked, setAsked] = useState('');
  const [{ deals, total, problem }, setFound] = useState({ deals: [] as Deal[], total: 0, problem: 'Loading …' });
  const credential = usePage((state) => state.credential);
  const { queryEditor, variableEditor } = useGraphiQL((state) => state);
  const { addTab } = useGraphiQLActions();
  useEffect(() => {
    let isWanted = true;
    void send({ query: RECORDS, variables: { search: asked || null } }).then(([{ data, errors }]) => {
      if (!isWanted) return;
      const list = data?.opportunities;
      const deals = (list?.nodes ?? []).filter(Boolean);
      const problem = list ? (deals.length ? '' : 'No deal is found.') : (errors?.[0]?.message ?? 'There is no list.');
      setFound({ deals, total: list?.totalCount ?? 0, problem });
    });
    return () => {
      isWanted = false;
    };
  }, [asked, credential]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked(search.trim());
  };
  const open = (id: string) => {
    addTab();
    queryEditor?.setValue(ONE_DEAL);
    variableEditor?.setValue(JSON.stringify({ id }, null, 2));
  };
  return (
    <section className="records" aria-label="Records">
      <h2>Records</h2>
      <form role="search" onSubmit={submit}>
        <input
          type="search"
          aria-label="Search deals"
          placeholder="Company, name or id"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <button type="submit">Search</button>
      </form>
      <p role="status">{problem || `${deals.length} of ${total} deals, the last changed first`}</p>
      <ul>
        {deals.map((deal) => (
          <Row key={deal.id} deal={deal} open={open} />
        ))}
      </ul>
    </section>
  );
}

const Icon = () => (
  <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" aria-hidden="true">
    <path d="M7 4.5h10.5M7 10h10.5M7 15.5h10.5" />
    <path d="M2.75 4.5h.5M2.75 10h.5M2.75 15.5h.5" strokeWidth="2" />
  </svg>
);

export const RECORD_LIST: GraphiQLPlugin = { title: 'Records', icon: Icon, content: Content };
