// Everything that this frontend asks for. graphql-codegen reads it, and gives each document its types.
import { graphql } from './gql';
import type { DealDetailsQuery, DealFieldsFragment } from './gql/graphql';

/** What a row of the list shows, and the head of a deal's page. */
graphql(`
  fragment DealFields on Opportunity {
    id
    source
    sourceId
    status
    pipelineName
    stageName
    createdAt
    updatedAt
    asOf
    value {
      amount
      currencyCode
    }
    owner {
      name
      email
    }
    customer {
      sourceId
      name
      companyName
      email
    }
  }
`);

export const DEALS = graphql(`
  query Deals(
    $first: Int
    $after: String
    $last: Int
    $before: String
    $filter: OpportunityFilter
    $orderBy: [OpportunityOrder!]
    $search: String
  ) {
    opportunities(
      first: $first
      after: $after
      last: $last
      before: $before
      filter: $filter
      orderBy: $orderBy
      search: $search
    ) {
      totalCount
      nodes {
        ...DealFields
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
      sources {
        source
        isComplete
      }
    }
  }
`);

/** The deals of a page as their sources have them now. */
export const DEALS_NOW = graphql(`
  query DealsNow($ids: [ID!]!) {
    opportunitiesById(ids: $ids) {
      ...DealFields
    }
  }
`);

/** A deal as any list has loaded it: for the cache alone, which finds it by its `id` (client.ts). */
export const DEAL = graphql(`
  query Deal($id: ID!) {
    opportunity(id: $id) {
      ...DealFields
    }
  }
`);

/** All that a deal's page shows, from the server. */
export const DEAL_DETAILS = graphql(`
  query DealDetails($id: ID!) {
    node(id: $id) {
      id
      ...DealFields
      ... on NexudusOpportunity {
        name
        notes
        leadSource
        lossReason
        dueDate
        wonOn
        lostOn
        opportunityType {
          id
          name
        }
        utm {
          source
          medium
          campaign
        }
      }
      ... on ChartMogulOpportunity {
        type
        forecastCategory
        winLikelihood
        estimatedCloseDate
        custom {
          key
          value
        }
      }
    }
  }
`);

/** What the filter can be set to. */
export const PIPELINES = graphql(`
  query Pipelines {
    pipelines {
      name
      source
    }
  }
`);

/** How current the copy is that lists are answered from. */
export const SOURCES = graphql(`
  query Sources {
    sources {
      name
      status {
        asOf
        isComplete
        state
        rows
        lastError
        progress {
          rows
          total
        }
      }
    }
  }
`);

export type Deal = DealFieldsFragment;
export type DealDetails = NonNullable<DealDetailsQuery['node']>;
