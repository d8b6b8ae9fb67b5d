import { useQuery } from '@apollo/client/react';
import { useEffect, useId, useRef } from 'react';
import { PIPELINES } from './documents';
import type { OpportunitySource } from './gql/graphql';
import { sourceName } from './failures';
import type { List } from './route';
import { ORDERS, SOURCES, STATUSES } from './route';
import { words } from './text';

type Choice = { value: string; label: string };

function Select(props: { label: string; any?: string; value?: string; choices: Choice[]; choose: (value: string) => void }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      <select id={id} value={props.value ?? ''} onChange={(event) => props.choose(event.target.value)}>
        {props.any && <option value="">{props.any}</option>}
        {props.choices.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}

const PAUSE_MILLISECONDS = 300;

function Search({ value, choose }: { value?: string; choose: (text: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  const id = useId();
  useEffect(() => {
    // The address was changed by something else than this field.
    if (input.current && document.activeElement !== input.current) input.current.value = value ?? '';
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <div className="field search">
      <label htmlFor={id}>Search</label>
      <input
        id={id}
        ref={input}
        type="search"
        maxLength={200}
        defaultValue={value}
        placeholder="Company, person, stage…"
        onChange={({ target }) => {
          clearTimeout(timer.current);
          timer.current = setTimeout(() => choose(target.value.trim()), PAUSE_MILLISECONDS);
        }}
      />
    </div>
  );
}

/** Filter, search and order; each change starts at the first page. */
export function Filters({ list, change }: { list: List; change: (part: Partial<List>) => void }) {
  const { data } = useQuery(PIPELINES, { fetchPolicy: 'cache-and-network' });
  const pipelines = (data?.pipelines ?? [])
    .filter(({ source }) => !list.source || list.source === source)
    .map(({ name, source }) => ({
      value: name === null ? source : `${source}/${name}`,
      label: `${name ?? 'Without a pipeline'} (${sourceName(source)})`,
    }));
  const chooseSource = (value: string) => {
    const source = (value || undefined) as OpportunitySource | undefined;
    const fits = !source || list.pipeline?.split('/')[0] === source;
    change({ source, pipeline: fits ? list.pipeline : undefined });
  };
  return (
    <form role="search" onSubmit={(event) => event.preventDefault()}>
      <Search value={list.search} choose={(search) => change({ search })} />
      <Select
        label="Status"
        any="Any"
        value={list.status}
        choices={STATUSES.map((value) => ({ value, label: words(value) }))}
        choose={(value) => change({ status: (value || undefined) as List['status'] })}
      />
      <Select
        label="Source"
        any="Both"
        value={list.source}
        choices={SOURCES.map((value) => ({ value, label: sourceName(value) }))}
        choose={chooseSource}
      />
      <Select
        label="Pipeline"
        any="Any"
        value={list.pipeline}
        choices={pipelines}
        choose={(pipeline) => change({ pipeline: pipeline || undefined })}
      />
      <Select
        label="Order"
        value={`${list.field} ${list.direction}`}
        choices={ORDERS.flatMap(({ field, label }) => [
          { value: `${field} ASC`, label: `${label} ↑` },
          { value: `${field} DESC`, label: `${label} ↓` },
        ])}
        choose={(value) => {
          const [field, direction] = value.split(' ') as [List['field'], List['direction']];
          change({ field, direction });
        }}
      />
    </form>
  );
}
