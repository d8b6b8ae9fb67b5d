// A stitched schema: the opportunity graph, a subgraph that gives its entities a field (contracts), and one that gives the
// interface a field (reviews). No supergraph, no composer: each is asked for its schema when the gateway starts.
//
// `node gateway.mjs` serves it on port 4000.
import { fileURLToPath } from 'node:url';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { startStandaloneServer } from '@apollo/server/standalone';
import { batchDelegateToSchema } from '@graphql-tools/batch-delegate';
import { buildHTTPExecutor } from '@graphql-tools/executor-http';
import { stitchSchemas } from '@graphql-tools/stitch';
import { filterSchema } from '@graphql-tools/utils';
import { RenameTypes, schemaFromExecutor } from '@graphql-tools/wrap';

/** How a type is merged through `_entities`: all its records that a query needs travel in one request. */
export const byKey = (typename, key) => ({
  selectionSet: `{ ${key} }`,
  fieldName: '_entities',
  key: (record) => ({ __typename: typename, [key]: record[key] }),
  argsFromKeys: (representations) => ({ representations }),
});

/** A remote schema. */
async function remote(endpoint, options) {
  const executor = buildHTTPExecutor({ ...options, endpoint });
  return { schema: await schemaFromExecutor(executor), executor };
}

/** Stitches the three; each is given by its address. `options` are for the executor of the opportunity graph. */
export async function stitch({ opportunities, contracts, reviews, options = {} }) {
  const deals = await remote(opportunities, options);
  const interface_ = deals.schema.getType('Opportunity');
  const types = deals.schema.getPossibleTypes(interface_).map(({ name }) => name);

  // One direction: both sides know the concrete types, and merge them by key.
  const merge = Object.fromEntries(types.map((type) => [type, byKey(type, 'sourceId')]));
  const dealSubschema = { ...deals, batch: true, merge };
  const contractSubschema = { ...(await remote(contracts, {})), batch: true, merge };

  // The other direction: to the reviews, `Opportunity` is an object (@interfaceObject). Stitching would take it for
  // another type of the same name, so it gets a name of its own; the fields of the interface are added below.
  const reviewSubschema = {
    ...(await remote(reviews, {})),
    batch: true,
    transforms: [new RenameTypes((name) => (name === 'Opportunity' ? 'ReviewedOpportunity' : name))],
  };
  const reviewsOf = {
    selectionSet: '{ id }',
    resolve: (deal, _, context, info) =>
      batchDelegateToSchema({
        schema: reviewSubschema,
        fieldName: 'reviewsOf',
        key: deal.id,
        argsFromKeys: (keys) => ({ deals: keys }),
        context,
        info,
      }),
  };
  const dealOf = {
    selectionSet: '{ deal { id } }',
    resolve: (review, _, context, info) =>
      batchDelegateToSchema({
        schema: dealSubschema,
        fieldName: 'opportunitiesById',
        key: review.deal.id,
        argsFromKeys: (ids) => ({ ids }),
        context,
        info,
      }),
  };
  const schema = stitchSchemas({
    subschemas: [dealSubschema, contractSubschema, reviewSubschema],
    typeDefs: `
      extend interface Opportunity { reviews: [Review!]! }
      ${types.map((type) => `extend type ${type} { reviews: [Review!]! }`).join('\n')}
      extend type Review { opportunity: Opportunity }
    `,
    resolvers: {
      ...Object.fromEntries(types.map((type) => [type, { reviews: reviewsOf }])),
      Review: { opportunity: dealOf },
    },
  });
  // `_entities` and `_service` are for the gateway, not for its clients.
  return filterSchema({ schema, rootFieldFilter: (_, name) => !name.startsWith('_') });
}

/** Serves a stitched schema on loopback; port 0 takes a free one. */
export async function serve(schema, port = 0) {
  const server = new ApolloServer({
    schema,
    // Apollo Server adds stack traces to errors unless NODE_ENV is `production`: they tell strangers about the gateway.
    includeStacktraceInErrorResponses: false,
    plugins: [ApolloServerPluginInlineTraceDisabled()],
  });
  const { url } = await startStandaloneServer(server, { listen: { port, host: '127.0.0.1' } });
  return { url, stop: () => server.stop() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const schema = await stitch({
    opportunities: process.env.OPPORTUNITIES_URL ?? 'http://127.0.0.1:8000/graphql',
    contracts: process.env.CONTRACTS_URL ?? 'http://127.0.0.1:4001/',
    reviews: process.env.REVIEWS_URL ?? 'http://127.0.0.1:4002/',
    // Shows the graph who the gateway is. The demo needs none.
    options: { headers: { 'x-gateway-key': process.env.OPPORTUNITIES_GATEWAY_KEY ?? 'none' } },
  });
  const { url } = await serve(schema, 4000);
  console.log(`The stitched graph: ${url}`);
}
