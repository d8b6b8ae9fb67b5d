// Clients of frontends: urql, Apollo Client with its normalised cache, automatic persisted queries, Relay's compiler.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client/core/index.js';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries/index.js';
import { cacheExchange, createClient, fetchExchange } from '@urql/core';
import { createClient as createStreamClient } from 'graphql-sse';
import { buildClientSchema, getIntrospectionQuery, printSchema } from 'graphql';
import { ask, CHARTMOGUL, check, checkEqual, finish, NEXUDUS, SERVER } from './checks.mjs';

const introspection = await ask(
  SERVER,
  getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, oneOf: true, specifiedByUrl: true }),
);
check('introspection, in full', !introspection.errors && introspection.data, introspection.errors);
const schema = buildClientSchema(introspection.data);

const COMMON = 'fragment Common on Opportunity { __typename id stageName value { amount currencyCode } }';
const DEALS = `
  query Deals($ids: [ID!]!) {
    opportunitiesById(ids: $ids) {
      ...Common
      ... on NexudusOpportunity { boardColumn { id name } }
      ... on ChartMogulOpportunity { winLikelihood }
    }
  }
  ${COMMON}`;
const ids = [CHARTMOGUL.id, NEXUDUS.id];
const typesOf = (data) => data?.opportunitiesById?.map((deal) => deal?.__typename);
const TYPES = [CHARTMOGUL.type, NEXUDUS.type];

for (const [method, preferGetMethod] of [['POST', false], ['GET', 'force']]) {
  const methods = [];
  const client = createClient({
    url: SERVER,
    exchanges: [cacheExchange, fetchExchange],
    preferGetMethod,
    fetch: (url, init) => {
      methods.push(init?.method ?? 'GET');
      return fetch(url, init);
    },
  });
  const { data, error } = await client.query(DEALS, { ids }).toPromise();
  checkEqual(`urql over ${method}`, [error?.message ?? null, typesOf(data), methods], [null, TYPES, [method]]);
}

const possibleTypes = Object.fromEntries(
  introspection.data.__schema.types
    .filter((type) => type.possibleTypes)
    .map((type) => [type.name, type.possibleTypes.map(({ name }) => name)]),
);
let requests = 0;
const client = new ApolloClient({
  cache: new InMemoryCache({ possibleTypes }),
  link: new HttpLink({
    uri: SERVER,
    fetch: (url, init) => {
      requests += 1;
      return fetch(url, init);
    },
  }),
});
const answer = await client.query({ query: gql(DEALS), variables: { ids } });
checkEqual('Apollo Client', typesOf(answer.data), TYPES);
const cached = client.cache.extract();
check(
  'Apollo Client keeps each record once, by type and id',
  [NEXUDUS, CHARTMOGUL].every(({ type, id }) => cached[`${type}:${id}`]?.stageName),
  Object.keys(cached),
);
check('Apollo Client keeps what lies within a record', cached['NexudusBoardColumn:1400000101']?.name, Object.keys(cached));
await client.query({ query: gql(DEALS), variables: { ids } });
check('Apollo Client answers a second query from its cache', requests === 1, requests);
const fragment = client.readFragment({ id: `${NEXUDUS.type}:${NEXUDUS.id}`, fragment: gql(COMMON) });
check('Apollo Client matches fragments on the interface (possibleTypes)', fragment?.stageName, fragment);

for (const method of ['POST', 'GET']) {
  const sent = [];
  const persisted = () =>
    new ApolloClient({
      cache: new InMemoryCache({ possibleTypes }),
      link: new PersistedQueryLink({
        sha256: (text) => createHash('sha256').update(text).digest('hex'),
        useGETForHashedQueries: method === 'GET',
      }).concat(
        new HttpLink({
          uri: SERVER,
          fetch: (url, init) => {
            const text = init.method === 'GET' ? new URL(url).searchParams.has('query') : 'query' in JSON.parse(init.body);
            sent.push(`${init.method} ${text ? 'text' : 'hash'}`);
            return fetch(url, init);
          },
        }),
      ),
    });
  const document = gql(DEALS.replace('query Deals', `query Deals${method}`));
  const first = await persisted().query({ query: document, variables: { ids } });
  checkEqual(`automatic persisted queries over ${method}: the first time`, typesOf(first.data), TYPES);
  // A document that is not known is registered with its text, over POST.
  checkEqual(`automatic persisted queries over ${method}: the hash, then the text`, sent, [`${method} hash`, 'POST text']);
  sent.length = 0;
  const again = await persisted().query({ query: document, variables: { ids } });
  checkEqual(`automatic persisted queries over ${method}: the next time`, typesOf(again.data), TYPES);
  checkEqual(`automatic persisted queries over ${method}: the hash suffices`, sent, [`${method} hash`]);
}

const CHANGES = 'subscription Changes($after: String) { opportunityChanges(after: $after) { cursor at } }';
const eventOf = (result) => result?.data?.opportunityChanges ?? result;
const stream = createStreamClient({ url: SERVER, retryAttempts: 0 });
let first;
for await (const result of stream.iterate({ query: CHANGES })) {
  first = eventOf(result);
  break; // which hangs up
}
check('graphql-sse: a stream begins with an event', first?.cursor && first.at, first);
for await (const result of stream.iterate({ query: CHANGES, variables: { after: first.cursor } })) {
  check('graphql-sse: a stream goes on from a cursor', eventOf(result).cursor, result);
  break;
}
const refused = [];
for await (const result of stream.iterate({ query: 'subscription { nothing }' })) refused.push(result);
const codes = refused.map(({ errors }) => errors?.[0].extensions.code);
checkEqual('graphql-sse: what is wrong with a document is an event, and the end', codes, ['GRAPHQL_VALIDATION_FAILED']);
const queried = [];
for await (const result of stream.iterate({ query: '{ __typename }' })) queried.push(result);
checkEqual('graphql-sse: a query is an event, and the end', queried.map(({ data }) => data), [{ __typename: 'Query' }]);

const page = readFileSync(new URL('../../docs/changes.md', import.meta.url), 'utf8');
const snippet = /```js\n([^]+?)```/.exec(page)[1].replace('http://127.0.0.1:8000/graphql', SERVER);
const module = new URL('./follow.mjs', import.meta.url);
writeFileSync(module, snippet);
const { follow } = await import(module);
const followed = [];
const stopped = await follow((changes) => {
  followed.push(changes);
  throw new Error('FORBIDDEN'); // which ends it
}).catch((error) => error.message);
checkEqual('graphql-sse, as the page on changes has it', [followed, stopped], [[[]], 'FORBIDDEN']);

const urql = createClient({ url: SERVER, exchanges: [fetchExchange], fetchSubscriptions: true, preferGetMethod: false });
const event = await new Promise((resolve) => {
  const { unsubscribe } = urql.subscription(CHANGES, {}).subscribe((result) => {
    resolve(result);
    setTimeout(() => unsubscribe());
  });
});
check('urql: a subscription over fetch', eventOf(event).cursor, event.error ?? event);

const two = await ask(SERVER, 'query A { __typename } query B { __typename }');
check('several operations and no operationName: a request error', two.errors?.length === 1 && !('data' in two), two);

const relay = fileURLToPath(new URL('../../node_modules/relay-compiler/cli.js', import.meta.url));
const file = fileURLToPath(new URL('../../schema.graphql', import.meta.url));
for (const [origin, text] of [
  ['what introspection tells', printSchema(schema)],
  ['schema.graphql', readFileSync(file, 'utf8')],
]) {
  const folder = mkdtempSync(join(tmpdir(), 'relay-'));
  mkdirSync(join(folder, 'src/__generated__'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  writeFileSync(join(folder, 'schema.graphql'), text);
  writeFileSync(
    join(folder, 'relay.config.json'),
    JSON.stringify({
      src: './src',
      schema: './schema.graphql',
      language: 'javascript',
      artifactDirectory: './src/__generated__',
    }),
  );
  writeFileSync(
    join(folder, 'src/deal.js'),
    `import { graphql } from 'relay-runtime';
    export const query = graphql\`query dealQuery($id: ID!) { opportunity(id: $id) { ...deal_opportunity } }\`;
    export const fragment = graphql\`
      fragment deal_opportunity on Opportunity @refetchable(queryName: "dealRefetchQuery") {
        stageName
        ... on ChartMogulOpportunity { winLikelihood }
      }\`;`,
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [relay, 'relay.config.json'], { cwd: folder, encoding: 'utf8' });
  check(`Relay's compiler, with ${origin}: a query and a refetchable fragment`, status === 0, stdout + stderr);
}
finish();
