import { graphql } from './gql/index.js';
import type { DealQuery } from './gql/graphql.js';
import { ask } from './graph.js';

const DEAL = graphql(`
  query Deal($id: ID!) {
    opportunity(id: $id) {
      __typename
      id
      source
      status
      stageName
      value {
        amount
        currencyCode
      }
      owner {
        name
        email
      }
      ... on NexudusOpportunity {
        lossReason
      }
      ... on ChartMogulOpportunity {
        winLikelihood
      }
    }
  }
`);

export type Deal = NonNullable<DealQuery['opportunity']>;

/** One line about a deal. The compiler knows each field's type, and which fields only one of the sources has. */
export function describe(deal: Deal): string {
  const amount = deal.value ? `${deal.value.amount} ${deal.value.currencyCode}` : 'no amount';
  const owner = deal.owner?.name ?? deal.owner?.email ?? 'nobody';
  const more =
    deal.__typename === 'ChartMogulOpportunity'
      ? `${deal.winLikelihood ?? '?'} % likely`
      : `loss reason ${deal.lossReason ?? 'none'}`;
  return `${deal.source}: ${deal.stageName ?? 'no stage'}, ${amount}, ${owner}, ${more}`;
}

/** Fetches a deal: null if there is none; throws where its source could not be asked. */
export async function fetchDeal(endpoint: string, id: string): Promise<Deal | null> {
  const { data, errors } = await ask(endpoint, DEAL, { id });
  if (errors?.[0]) throw new Error(`${errors[0].extensions.code}: ${errors[0].message}`);
  return data?.opportunity ?? null;
}
