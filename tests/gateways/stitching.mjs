// Schema stitching: types merged through the root fields and through `_entities`, with and without batching of queries;
// then the example, which extends the entities and the interface.
import { buildHTTPExecutor } from '@graphql-tools/executor-http';
import { stitchSchemas } from '@graphql-tools/stitch';
import { schemaFromExecutor } from '@graphql-tools/wrap';
import { readFileSync } from 'node:fs';
import { graphql, parse, subscribe } from 'graphql';
import { byKey, serve as serveStitched, stitch } from '../../examples/stitching/gateway.mjs';
import { serve } from '../../examples/subgraphs/subgraphs.mjs';
import { CHARTMOGUL, check, checkEqual, finish, NEXUDUS, SERVER } from './checks.mjs';

let requests = 0;
const counted = (url, init) => {
  requests += 1;
  return fetch(url, init);
};

const executor = buildHTTPExecutor({ endpoint: SERVER, fetch: counted });
const remote = await schemaFromExecutor(executor);
const [contracts, reviews] = await Promise.all(['contracts', 'reviews'].map((name) => serve(name)));
const theirExecutor = buildHTTPExecutor({ endpoint: contracts.url });
const theirs = {
  schema: await schemaFromExecutor(theirExecutor),
  executor: theirExecutor,
  batch: true,
  merge: Object.fromEntries([NEXUDUS, CHARTMOGUL].map(({ type }) => [type, byKey(type, 'sourceId')])),
};

const byRootField = (fieldName) => ({
  selectionSet: '{ sourceId }',
  fieldName,
  args: ({ sourceId }) => ({ sourceId }),
});
const WAYS = {
  'root fields': {
    NexudusOpportunity: byRootField('nexudusOpportunity'),
    ChartMogulOpportunity: byRootField('chartMogulOpportunity'),
  },
  _entities: theirs.merge,
};
const DEALS = `query ($numbers: [ID!]) { contracts(numbers: $numbers) { number deal {
  ... on NexudusOpportunity { sourceId stageName } ... on ChartMogulOpportunity { sourceId stageName } } } }`;
const namesOf = (answer) => answer.data?.contracts?.map(({ deal }) => [deal?.sourceId, !!deal?.stageName]);

for (const [way, merge] of Object.entries(WAYS)) {
  for (const batch of [false, true]) {
    const label = `${way}, ${batch ? 'batched' : 'not batched'}`;
    const schema = stitchSchemas({ subschemas: [{ schema: remote, executor, merge, batch }, theirs] });
    const run = (source, variableValues) => graphql({ schema, source, variableValues, contextValue: {} });

    const one = await run(
      'query ($id: ID!) { nexudusOpportunity(sourceId: $id) { __typename stageName contracts { number } } }',
      { id: NEXUDUS.sourceId },
    );
    checkEqual(`${label}: a root field, with another subgraph's field`, one.data?.nexudusOpportunity?.contracts, [
      { number: 'C-1' },
      { number: 'C-4' },
    ]);

    requests = 0;
    const several = await run(DEALS, { numbers: ['C-1', 'C-3', 'C-4'] });
    checkEqual(`${label}: a list is joined, in order, duplicates too`, namesOf(several), [
      ['1427000501', true],
      ['1427000502', true],
      ['1427000501', true],
    ]);
    // Root fields fetch records one by one, so without batching of queries each record is a request.
    const fewest = way === 'root fields' && !batch ? 3 : 1;
    check(`${label}: three records are ${fewest === 1 ? 'one request' : 'a request each'}`, requests <= fewest, requests);

    const mixed = await run(DEALS, { numbers: ['C-2', 'C-1'] });
    checkEqual(`${label}: both types in one list`, namesOf(mixed), [
      [CHARTMOGUL.sourceId, true],
      [NEXUDUS.sourceId, true],
    ]);

    const failing = await run(DEALS, { numbers: ['C-1', 'C-6', 'C-5', 'C-3'] });
    checkEqual(
      `${label}: a record that fails and one that is missing leave the others whole`,
      namesOf(failing)?.map(([, hasStage]) => hasStage),
      [true, false, false, true],
    );
    checkEqual(
      `${label}: only the failure is an error, with its code`,
      failing.errors?.map(({ path, extensions }) => [path[1], extensions?.code]),
      [[1, 'BAD_USER_INPUT']],
    );
  }
}

const schema = await stitch({
  opportunities: SERVER,
  contracts: contracts.url,
  reviews: reviews.url,
  options: { fetch: counted },
});
const run = (source, variableValues) => graphql({ schema, source, variableValues, contextValue: {} });

requests = 0;
const joined = await run(DEALS, { numbers: ['C-1', 'C-2', 'C-3', 'C-4'] });
check('the example joins both types', !joined.errors && namesOf(joined)?.every(([, hasStage]) => hasStage), joined);
check('the example joins both types with one request', requests === 1, requests);

const events = await subscribe({ schema, document: parse('subscription { opportunityChanges { cursor } }'), contextValue: {} });
const event = events[Symbol.asyncIterator] ? (await events.next()).value : events;
check('the example passes a subscription on', event.data?.opportunityChanges?.cursor, event);
await events.return?.();

requests = 0;
const extended = await run(
  `query ($ids: [ID!]!) { opportunitiesById(ids: $ids) {
    __typename stageName reviews { id } ... on NexudusOpportunity { contracts { number } } } }`,
  { ids: [CHARTMOGUL.id, NEXUDUS.id] },
);
checkEqual(
  'the example gives the interface a field, on every type',
  extended.data?.opportunitiesById?.map((deal) => [deal?.__typename, !!deal?.stageName, deal?.reviews]),
  [
    [CHARTMOGUL.type, true, [{ id: 'review-2' }]],
    [NEXUDUS.type, true, [{ id: 'review-1' }, { id: 'review-3' }]],
  ],
);
check('the example fetches the list with one request', requests === 1, requests);

requests = 0;
const reviewed = await run('{ reviews { id opportunity { __typename stageName } } }');
checkEqual(
  'the example joins references to the interface',
  reviewed.data?.reviews?.map(({ opportunity }) => opportunity?.__typename ?? null),
  [NEXUDUS.type, CHARTMOGUL.type, NEXUDUS.type, null],
);
check('the example joins them with one request', requests === 1, requests);

const hidden = await run('{ _service { sdl } }');
check('the example hides what is for gateways', hidden.errors?.length === 1, hidden);

// The README's own request, over HTTP.
const readme = readFileSync(new URL('../../examples/stitching/README.md', import.meta.url), 'utf8');
const [, body] = readme.match(/-d '(\{"query".+\})'/);
const gateway = await serveStitched(schema);
const answered = await fetch(gateway.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
const text = await answered.text();
const { data, errors } = JSON.parse(text);
checkEqual(
  "the README's query: contracts with their deals, and both ways back",
  data.contracts.slice(0, 3).map(({ number, deal }) => [number, deal.stageName ?? null, deal.contracts?.length ?? null]),
  [
    ['C-1', 'Office Tour', 2],
    ['C-2', null, null],
    ['C-3', 'Office Tour', 1],
  ],
);
checkEqual(
  "the README's query: one error, with its code, at the contract whose deal has no id",
  errors.map(({ path, extensions }) => [path.slice(0, 3), extensions.code]),
  [[['contracts', 5, 'deal'], 'BAD_USER_INPUT']],
);
check('the stitched gateway tells no stack trace', !text.includes('stacktrace') && !text.includes('node_modules'), text);
await gateway.stop();
await Promise.all([contracts.stop(), reviews.stop()]);
finish();
