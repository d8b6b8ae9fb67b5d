import { useEffect, useRef, useState } from 'preact/hooks';
import { CHOICES } from '../documents';
import { sourceName } from '../failures';
import type { ChoicesQuery } from '../gql/graphql';
import { useNavigation } from '../navigation';
import { usePolled } from '../polled';
import { NONE, STATUSES } from '../route';
import type { Route } from '../route';
import { useSession } from '../session';
import { enumName, useSources } from '../sources';
import { words } from '../text';
import { Select } from './Select';

const CHOICES_MILLISECONDS = 60_000;
const FILTERS = ['source', 'pipeline', 'stage', 'owner', 'currency'] as const;
const TYPING_MILLISECONDS = 250;
const LONGEST_SEARCH = 200;

type Keyed = ChoicesQuery['currencies'] | undefined;

/** Which deals are shown, in every view. */
export function FilterBar() {
  const { route, go } = useNavigation();
  const { seesPeople } = useSession();
  const { all } = useSources();
  const [isOpen, setOpen] = useState(false);
  const choices = usePolled(CHOICES, { people: seesPeople }, CHOICES_MILLISECONDS).data;
  const pipelines = choices?.pipelines ?? [];
  const fitting = pipelines.filter(({ source }) => !route.source || source === route.source);
  const stages = fitting.filter(({ name }) => !route.pipeline || (name ?? NONE) === route.pipeline);
  const set = FILTERS.filter((name) => route[name]).length;
  const distinct = (found: (string | null)[]) => [...new Set(found.map((name) => name ?? NONE))];
  const stageNames = distinct(stages.flatMap((one) => one.stages.map(({ name }) => name)));
  if (stages.length > 1) stageNames.sort(); // those of one pipeline come in its order
  const keys = (found: Keyed) => [...new Set(found?.rows.map((row) => row.keys[0]?.value ?? NONE))];
  return (
    <search class="filters" data-open={isOpen}>
      <SearchField />
      <fieldset class="segments">
        <legend class="hidden">Status</legend>
        {[...STATUSES, 'ALL' as const].map((status) => (
          <label key={status}>
            <input type="radio" name="status" checked={route.status === status} onChange={() => go({ status })} />
            <span>{words(status)}</span>
          </label>
        ))}
      </fieldset>
      <button type="button" class="toggle" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Filters{set > 0 && ` (${set})`}
      </button>
      <div class="more">
        <Select
          label="Source"
          any="All sources"
          value={route.source}
          options={[...new Set(all.map(enumName))].map((name) => [name, sourceName(name)])}
          onChange={(source) => go({ source, pipeline: undefined, stage: undefined })}
        />
        <Select
          label="Pipeline"
          any="All pipelines"
          value={route.pipeline}
          options={distinct(fitting.map(({ name }) => name))
            .sort()
            .map((name) => [name, name === NONE ? 'No pipeline' : name])}
          onChange={(pipeline) => go({ pipeline, stage: undefined })}
        />
        <Select
          label="Stage"
          any="All stages"
          value={route.stage}
          options={stageNames.map((name) => [name, name === NONE ? 'No stage' : name])}
          onChange={(stage) => go({ stage })}
        />
        {choices?.owners && (
          <Select
            label="Owner"
            any="All owners"
            value={route.owner}
            options={keys(choices.owners).map((name) => [name, name === NONE ? 'No owner' : name])}
            onChange={(owner) => go({ owner })}
          />
        )}
        <Select
          label="Currency"
          any="All currencies"
          value={route.currency}
          options={keys(choices?.currencies).map((name) => [name, name === NONE ? 'No currency' : name])}
          onChange={(currency) => go({ currency })}
        />
        {set > 0 && (
          <button type="button" class="plain" onClick={() => go(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}>
            Clear filters
          </button>
        )}
      </div>
    </search>
  );
}

/** Searches while somebody types. The `/` key leads here. */
function SearchField() {
  const { route, go } = useNavigation();
  const { seesPeople } = useSession();
  const [text, setText] = useState(route.search ?? '');
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (document.activeElement !== field.current) setText(route.search ?? '');
  }, [route.search]);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isTyping = (event.target as HTMLElement).closest?.('input, select, textarea, dialog');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
  const search = (given: string) => {
    setText(given);
    clearTimeout(timer.current);
    const part: Partial<Route> = { search: given.trim() || undefined };
    timer.current = setTimeout(() => latest.current(part, true), TYPING_MILLISECONDS);
  };
  const latest = useRef(go);
  latest.current = go;
  return (
    <label class="search-field">
      <span class="hidden">Search</span>
      <svg viewBox="0 0 20 20" aria-hidden="true">
        <path d="M9 3.5a5.5 5.5 0 1 0 .01 0 M13 13l4 4" />
      </svg>
      <input
        ref={field}
        type="search"
        placeholder="Search deals"
        title={`Part of the name of a ${seesPeople ? 'customer, an owner, ' : ''}company, pipeline or stage`}
        value={text}
        autocomplete="off"
        maxLength={LONGEST_SEARCH}
        onInput={({ currentTarget }) => search(currentTarget.value)}
      />
    </label>
  );
}
