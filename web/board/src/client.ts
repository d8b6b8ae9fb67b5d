import { cacheExchange, Client, fetchExchange } from '@urql/core';
import type { Credential } from './credential';

/** Beside this page, whatever prefix a proxy gives both. */
const ENDPOINT = new URL('graphql', document.baseURI).href;

/** Returns what asks the graph. Deals are personal data: its cache is in memory alone. */
export const createClient = (credential: Credential | undefined) =>
  new Client({
    url: ENDPOINT,
    exchanges: [cacheExchange, fetchExchange],
    requestPolicy: 'cache-and-network',
    preferGetMethod: false,
    fetchOptions: {
      credentials: 'same-origin',
      headers: credential ? { [credential.header]: credential.value } : {},
    },
  });
