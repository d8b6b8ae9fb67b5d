import { cacheExchange, Client, fetchExchange, mapExchange } from '@urql/core';
import type { Credential } from './credential';

/** Beside this page, whatever prefix a proxy gives both. */
const ENDPOINT = new URL('graphql', document.baseURI).href;

/** Returns what asks the graph; `onRefused`: it does not take the credential, or not any longer. Deals are personal data: its cache is in memory alone. */
export const createClient = (credential: Credential | undefined, onRefused: () => void) =>
  new Client({
    url: ENDPOINT,
    exchanges: [
      cacheExchange,
      mapExchange({ onError: (error) => void ((error.response as Response | undefined)?.status === 401 && onRefused()) }),
      fetchExchange,
    ],
    requestPolicy: 'cache-and-network',
    preferGetMethod: false,
    fetchOptions: {
      credentials: 'same-origin',
      headers: credential ? { [credential.header]: credential.value } : {},
    },
  });
