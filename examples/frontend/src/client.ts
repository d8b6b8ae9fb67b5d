import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import type { DocumentNode } from 'graphql';
import possible from './gql/possible-types';

// The compiler wants to know of defaults that change what hooks return.
declare module '@apollo/client' {
  namespace ApolloClient {
    namespace DeclareDefaultOptions {
      interface Query {
        errorPolicy: 'all';
      }
      interface WatchQuery {
        errorPolicy: 'all';
      }
    }
  }
}

const ENDPOINT = import.meta.env.VITE_GRAPHQL_URL ?? 'http://127.0.0.1:8000/graphql';

const { possibleTypes } = possible;
const DEAL_TYPES = possibleTypes['Opportunity'] ?? [];

/** The cache: in memory alone, since deals are personal data. */
export const createCache = () =>
  new InMemoryCache({
    possibleTypes,
    typePolicies: {
      Query: {
        fields: {
          // A deal that any list has loaded is found by its `id`; documents.ts asks for it here in the cache alone.
          opportunity: {
            read: (_, { args, toReference, canRead }) =>
              DEAL_TYPES.map((__typename) => toReference({ __typename, id: args?.['id'] })).find(canRead),
          },
        },
      },
      ...Object.fromEntries(DEAL_TYPES.map((type) => [type, { keyFields: ['id'] }])),
      SourceInfo: { keyFields: ['name'] },
      // Parts of a deal, which have no id that is their own: what two queries select of them is put together.
      Money: { keyFields: false, merge: true },
      OpportunityOwner: { keyFields: false, merge: true },
      OpportunityCustomer: { keyFields: false, merge: true },
    },
  });

/** The name that graphql-codegen gave a document, if documents go by name (codegen.ts). */
const nameOf = (document: DocumentNode) =>
  (document as { __meta__?: { hash?: string } }).__meta__?.hash;

const createLink = () => {
  const http = new HttpLink({ uri: ENDPOINT });
  const named = new PersistedQueryLink({ generateHash: (document) => nameOf(document) ?? '' }).concat(http);
  return ApolloLink.split(({ query }) => nameOf(query) !== undefined, named, http);
};

export const createClient = () =>
  new ApolloClient({
    cache: createCache(),
    link: createLink(),
    // One failing source hides nothing of the others: what is there is shown, beside what went wrong (failures.ts).
    defaultOptions: { query: { errorPolicy: 'all' }, watchQuery: { errorPolicy: 'all' } },
  });

/** Asks for records as their sources have them now. */
export const LIVE = {
  fetchPolicy: 'network-only',
  context: { headers: { 'Cache-Control': 'no-cache' } },
} as const;
