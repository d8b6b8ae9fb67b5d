import { defineConfig } from '@graphql-hive/gateway';
import { unifiedGraphHandler } from '@graphql-hive/router-runtime';

export const gatewayConfig = defineConfig({
  supergraph: './supergraph.graphql',
  // Hive Router's query planner. The one built in does not join fields that come through `@interfaceObject`.
  unifiedGraphHandler,
  host: '127.0.0.1',
  port: Number(process.env.PORT ?? 4000),
  // Longer than OPERATION_DEADLINE_SECONDS of the opportunity graph, so that its partial answers arrive.
  upstreamTimeout: 15_000,
  // Errors of subgraphs as they are: the opportunity graph's carry a code and no internals.
  maskedErrors: false,
  propagateHeaders: {
    fromClientToSubgraphs({ request, subgraphName }) {
      if (subgraphName !== 'opportunities') return {};
      return {
        // Shows the graph who the gateway is. The demo needs none.
        'x-gateway-key': process.env.OPPORTUNITIES_GATEWAY_KEY ?? 'none',
        authorization: request.headers.get('authorization') ?? undefined,
      };
    },
  },
});
