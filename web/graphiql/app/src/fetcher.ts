// How GraphiQL sends what is in its editors.
import type { Fetcher } from '@graphiql/toolkit';
import { getOperationAST, parse } from 'graphql';
import { follow } from './follow';
import { gatewayFieldsLast, isIntrospection, schemaProblem } from './introspection';
import { page } from './page';
import { type Answer, type Params, send } from './send';
import { usePage } from './state';

/**
 * Return the operation of the document that is meant.
 *
 * GraphiQL reads the names of operations a tenth of a second after the text has changed, and sends the former tab's until
 * then.
 */
export function operationName({ query, operationName: name }: Params): string | null | undefined {
  try {
    const names = parse(query).definitions.flatMap((node) =>
      node.kind === 'OperationDefinition' ? [node.name?.value ?? null] : [],
    );
    return names.includes(name ?? null) ? name : names[0];
  } catch {
    return undefined; // no document: the server says why
  }
}

/** Whether a subscription is meant. */
export function isSubscription({ query, operationName: name }: Params): boolean {
  try {
    return getOperationAST(parse(query), name)?.operation === 'subscription';
  } catch {
    return false;
  }
}

/** What the server would answer. */
const NOT_SIGNED_IN: Answer = {
  errors: [{ message: 'Sign in to read the schema.', extensions: { code: 'UNAUTHENTICATED' } }],
};

export const fetcher: Fetcher = async (params, options = {}) => {
  if (isIntrospection(params)) {
    const isKnown = !page.credentials.length || usePage.getState().credential || options.headers;
    const [answer] = isKnown ? await send(params, options.headers) : [NOT_SIGNED_IN];
    gatewayFieldsLast(answer);
    usePage.setState({ schemaProblem: schemaProblem(answer) });
    return { data: null, ...answer }; // without data GraphiQL would ask once more
  }
  usePage.setState({ exchange: null });
  const meant = { ...params, operationName: operationName(params) };
  const [answer, exchange] = await (isSubscription(meant) ? follow : send)(meant, options.headers);
  usePage.setState({ exchange });
  return answer;
};
