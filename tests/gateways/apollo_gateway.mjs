// Apollo's gateway for Node; its planner is the one that Apollo Router's descends from.
import { ApolloGateway, LocalCompose, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { parse } from 'graphql';
import { sdlOf, serve } from '../../examples/subgraphs/subgraphs.mjs';
import { ask, check, fetchSdl, finish, SERVER } from './checks.mjs';
import { checkGateway } from './scenarios.mjs';

const others = await Promise.all(['contracts', 'reviews', 'nodes'].map((name) => serve(name, { opportunities: SERVER })));
const asked = [];

class Source extends RemoteGraphQLDataSource {
  willSendRequest({ request }) {
    if (this.url === SERVER) asked.push(request.variables?.representations?.length ?? 0);
  }
}

const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
const gateway = new ApolloGateway({
  supergraphSdl: new LocalCompose({
    localServiceList: [
      { name: 'opportunities', url: SERVER, typeDefs: parse(await fetchSdl()) },
      ...others.map(({ name, url }) => ({ name, url, typeDefs: parse(sdlOf(name)) })),
    ],
  }),
  buildService: ({ url }) => new Source({ url }),
  logger: quiet,
});
const server = new ApolloServer({ gateway, introspection: true, logger: quiet });
const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } });
await checkGateway(url);

asked.length = 0;
const all = await ask(
  url,
  `{ contracts(numbers: ["C-1", "C-2", "C-3", "C-4"]) { deal {
    ... on NexudusOpportunity { nexudusStage: stageName } ... on ChartMogulOpportunity { chartMogulStage: stageName } } } }`,
);
check('four contracts have their deals', !all.errors && all.data?.contracts?.every(({ deal }) => deal), all);
check('their deals are one request to the server', asked.length === 1, asked);
await server.stop();
await Promise.all(others.map((other) => other.stop()));
finish();
