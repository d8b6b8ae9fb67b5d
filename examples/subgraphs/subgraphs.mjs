// Three subgraphs of other teams, with a few records of their own, served by Apollo's subgraph library.
//
//   contracts  refers to deals by `sourceId`, and gives both kinds of deal a field
//   reviews    refers to deals by `id`, and gives the interface a field (@interfaceObject)
//   nodes      takes over the root fields `node` and `nodes` (@override)
//
// `node subgraphs.mjs` serves them on ports 4001 to 4003.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';

const nexudus = (sourceId) => ({ __typename: 'NexudusOpportunity', sourceId });
const chartMogul = (sourceId) => ({ __typename: 'ChartMogulOpportunity', sourceId });

// The deals are those of `make demo`.
const CONTRACTS = [
  { number: 'C-1', deal: nexudus('1427000501'), signedOn: '2026-02-01', monthlyFee: { amount: '4800.00', currencyCode: 'GBP' } },
  { number: 'C-2', deal: chartMogul('4ee13ca4-e7fe-11ee-8a7f-f303abf41acc'), signedOn: '2026-02-02', monthlyFee: null },
  { number: 'C-3', deal: nexudus('1427000502'), signedOn: '2026-02-03', monthlyFee: null },
  { number: 'C-4', deal: nexudus('1427000501'), signedOn: '2026-02-04', monthlyFee: null }, // a second one for a deal
  { number: 'C-5', deal: nexudus('1'), signedOn: '2026-02-05', monthlyFee: null }, // its deal was deleted
  { number: 'C-6', deal: nexudus('unknown'), signedOn: '2026-02-06', monthlyFee: null }, // a mistyped id: an error
];

// Global ids are opaque: this team got them from the graph and keeps them as they are.
const REVIEWS = [
  { id: 'review-1', deal: { id: 'bmV4dWR1czoxNDI3MDAwNTAx' }, text: 'Came through a good broker.' },
  { id: 'review-2', deal: { id: 'Y2hhcnRtb2d1bDo0ZWUxM2NhNC1lN2ZlLTExZWUtOGE3Zi1mMzAzYWJmNDFhY2M' }, text: 'Price was the question.' },
  { id: 'review-3', deal: { id: 'bmV4dWR1czoxNDI3MDAwNTAx' }, text: 'Wants a corner office.' },
  { id: 'review-4', deal: { id: 'bmV4dWR1czox' }, text: 'A deal that was deleted.' },
];

const pick = (records, name, wanted) =>
  wanted ? wanted.map((value) => records.find((record) => record[name] === value)).filter(Boolean) : records;

const reviewsOf = (dealId) => REVIEWS.filter(({ deal }) => deal.id === dealId);

const contractsOf = ({ sourceId }) => CONTRACTS.filter(({ deal }) => deal.sourceId === sourceId);

// An opportunity's id does not tell its type. The opportunity graph does, and null where there is no such record. It
// has the records in its cache by the time the gateway asks for their fields. The demo needs no gateway key.
async function nodesOf(ids, opportunities) {
  const deals = ids.filter((id) => !id.startsWith('review-'));
  const typeOf = new Map(ids.map((id) => [id, 'Review']));
  if (deals.length) {
    const response = await fetch(opportunities, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'x-gateway-key': process.env.OPPORTUNITIES_GATEWAY_KEY ?? 'none',
      },
      body: JSON.stringify({
        query: 'query Types($ids: [ID!]!) { opportunitiesById(ids: $ids) { __typename } }',
        variables: { ids: deals },
      }),
    });
    const { data } = await response.json();
    deals.forEach((id, index) => typeOf.set(id, data?.opportunitiesById?.[index]?.__typename));
  }
  return ids.map((id) => (typeOf.get(id) ? { __typename: typeOf.get(id), id } : null));
}

const RESOLVERS = {
  contracts: {
    Query: { contracts: (_, { numbers }) => pick(CONTRACTS, 'number', numbers) },
    Contract: { __resolveReference: ({ number }) => pick(CONTRACTS, 'number', [number])[0] ?? null },
    NexudusOpportunity: { contracts: contractsOf },
    ChartMogulOpportunity: { contracts: contractsOf },
  },
  reviews: {
    Query: {
      reviews: (_, { ids }) => pick(REVIEWS, 'id', ids),
      reviewsOf: (_, { deals }) => deals.map(reviewsOf),
    },
    Review: { __resolveReference: ({ id }) => pick(REVIEWS, 'id', [id])[0] ?? null },
    Opportunity: { reviews: ({ id }) => reviewsOf(id) },
  },
  nodes: {
    Query: {
      node: async (_, { id }, { opportunities }) => (await nodesOf([id], opportunities))[0],
      nodes: (_, { ids }, { opportunities }) => nodesOf(ids, opportunities),
    },
  },
};

/** The SDL of one of the three, as a registry or a composer wants it. */
export const sdlOf = (name) => readFileSync(new URL(`${name}.graphql`, import.meta.url), 'utf8');

/** Serves one of the three on loopback; port 0 takes a free one. `opportunities` is the opportunity graph's address. */
export async function serve(name, { port = 0, opportunities = 'http://127.0.0.1:8000/graphql' } = {}) {
  const schema = buildSubgraphSchema({ typeDefs: parse(sdlOf(name)), resolvers: RESOLVERS[name] });
  const server = new ApolloServer({
    schema,
    includeStacktraceInErrorResponses: false,
    plugins: [ApolloServerPluginInlineTraceDisabled()],
  });
  const { url } = await startStandaloneServer(server, {
    listen: { port, host: '127.0.0.1' },
    context: async () => ({ opportunities }),
  });
  return { name, url, stop: () => server.stop() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [number, name] of Object.keys(RESOLVERS).entries()) {
    const { url } = await serve(name, { port: 4001 + number });
    console.log(`${name}: ${url}`);
  }
}
