// The schema as the server tells it, and what is to be said where it does not.
import type { Answer, Params } from './send';
import { aKindOf, kindOf } from './credential';
import { page } from './page';
import { usePage } from './state';

export const isIntrospection = ({ operationName }: Params) => operationName === 'IntrospectionQuery';

/** Put the fields that only gateways ask for behind those for people. */
export function gatewayFieldsLast({ data }: Answer): void {
  const name = data?.__schema?.queryType?.name;
  const query = data?.__schema?.types?.find((type: { name: string }) => type.name === name);
  query?.fields?.sort((a: { name: string }, b: { name: string }) => Number(a.name[0] === '_') - Number(b.name[0] === '_'));
}

/** Return a sentence about what is missing, empty where the schema was read. */
export function schemaProblem(answer: Answer): string {
  if (answer.data?.__schema) return '';
  const [error] = answer.errors ?? [];
  const code = error?.extensions?.code;
  if (code === 'UNAUTHENTICATED') {
    const { credential } = usePage.getState();
    if (credential) return `The server does not accept this ${kindOf(credential.header)}.`;
    return `The server asks for ${page.credentials.map(aKindOf).join(' or ') || 'a credential'}.`;
  }
  if (code === 'FORBIDDEN') {
    return 'The server does not show its schema to this caller: there are no docs and no completion. Queries can be sent.';
  }
  return `The schema could not be read: ${error?.message ?? 'the answer has none.'}`;
}
