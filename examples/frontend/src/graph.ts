import type { TypedDocumentString } from './gql/graphql.js';

export type GraphError = {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; source?: string; retryable: boolean; retryAfterSeconds?: number };
};

/** `data` may be there beside `errors`: what failed is null in it. */
export type Answer<Result> = { data?: Result; errors?: GraphError[] };

/** Sends an operation; the type of the answer follows from the document. A document that is on a list goes by its name. */
export async function ask<Result, Variables>(
  endpoint: string,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Answer<Result>> {
  // There with `persistedDocuments` in codegen.ts: the document's name in the manifest.
  const documentId: unknown = document.__meta__?.['hash'];
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' },
    body: JSON.stringify(documentId ? { documentId, variables } : { query: document.toString(), variables }),
  });
  return (await response.json()) as Answer<Result>;
}
