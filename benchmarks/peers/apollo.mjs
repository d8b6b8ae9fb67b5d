import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginCacheControl } from '@apollo/server/plugin/cacheControl';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { startStandaloneServer } from '@apollo/server/standalone';
import responseCache from '@apollo/server-plugin-response-cache';
import { context, keptSeconds, port, schema } from './graph.mjs';

// Records are kept in graph.mjs. This keeps whole answers beside them, as this server does.
const caches = keptSeconds > 0
  ? [ApolloServerPluginCacheControl({ defaultMaxAge: keptSeconds, calculateHttpHeaders: false }), responseCache()]
  : [];
const server = new ApolloServer({
  schema,
  plugins: [ApolloServerPluginInlineTraceDisabled(), ...caches],
  includeStacktraceInErrorResponses: false,
});
await startStandaloneServer(server, { listen: { port, host: '127.0.0.1' }, context: async () => context() });
