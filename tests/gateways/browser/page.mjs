// A page of another origin: Apollo Client and urql, with the headers that they and OpenTelemetry send by themselves.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client/core/index.js';
import { createClient, fetchExchange } from '@urql/core';

const QUERY = '{ nexudusOpportunity(sourceId: "1427000501") { id stageName } }';
const headers = {
  'X-API-Key': 'demo-key',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendor=value',
  baggage: 'name=value',
};

/** Returns the stage as each client finds it, or the text of its error. */
window.ask = async (uri) => {
  const apollo = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri, headers }),
    clientAwareness: { name: 'example', version: '1.0' },
  });
  const urql = createClient({ url: uri, exchanges: [fetchExchange], fetchOptions: { headers }, preferGetMethod: false });
  const [first, second] = await Promise.all([
    apollo.query({ query: gql(QUERY) }).catch((error) => ({ error })),
    urql.query(QUERY, {}).toPromise(),
  ]);
  return [first, second].map(({ data, error }) => data?.nexudusOpportunity?.stageName ?? String(error));
};
