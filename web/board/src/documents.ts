// Everything that this page asks the graph for. graphql-codegen reads it, and gives each document its types.
import { graphql } from './gql';
import type { DealDetailsQuery, DealFieldsFragment, SourcesQuery, TotalsFragment } from './gql/graphql';

/** What a card or a row shows. Without `$people` no personal data: each field would be an error for who may not see it. */
graphql(`
  fragment DealFields on Opportunity {
    __typename
    id
    source
    sourceId
    status
    pipelineName
    stageName
    createdAt
    updatedAt
    value {
      amount
      currencyCode
    }
    owner @include(if: $people) {
      name
      email
    }
    customer {
      sourceId
      companyName
      name @include(if: $people)
      email @include(if: $people)
    }
    ... on NexudusOpportunity {
      name @include(if: $people)
    }
    ... on ChartMogulOpportunity {
      rawType
    }
  }
`);

export const DEALS = graphql(`
  query Deals(
    $first: Int
    $after: String
    $filter: OpportunityFilter
    $orderBy: [OpportunityOrder!]
    $search: String
    $people: Boolean!
  ) {
    opportunities(first: $first, after: $after, filter: $filter, orderBy: $orderBy, search: $search) {
      totalCount
      nodes {
        ...DealFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** Sums, each of one currency and one kind of amount: never to be added. */
graphql(`
  fragment Totals on OpportunitySummary {
    rows {
      keys {
        value
      }
      currency
      kind
      count
      amount
      missingAmountCount
    }
  }
`);

export const SUMMARY = graphql(`
  query Summary($groupBy: [SummaryDimension!]!, $filter: OpportunityFilter, $search: String) {
    opportunitySummary(groupBy: $groupBy, filter: $filter, search: $search) {
      ...Totals
    }
  }
`);

/** Pipelines and their stages, and what their order goes by. `outcomes` has a row for each status that a stage has. */
graphql(`
  fragment Stages on Query {
    pipelines {
      name
      source
      stages {
        name
        position
      }
    }
    outcomes: opportunitySummary(groupBy: [SOURCE, PIPELINE, STAGE, STATUS]) {
      rows {
        keys {
          value
        }
      }
    }
  }
`);

/** What charts show. The last four are open deals by when they last changed. */
export const CHARTS = graphql(`
  query Charts(
    $shown: OpportunityFilter
    $won: OpportunityFilter
    $lost: OpportunityFilter
    $undated: OpportunityFilter
    $week: OpportunityFilter
    $month: OpportunityFilter
    $quarter: OpportunityFilter
    $older: OpportunityFilter
    $search: String
  ) {
    ...Stages
    stages: opportunitySummary(groupBy: [SOURCE, PIPELINE, STAGE], filter: $shown, search: $search) {
      ...Totals
    }
    created: opportunitySummary(groupBy: [SOURCE, CREATED_MONTH], filter: $shown, search: $search) {
      ...Totals
    }
    won: opportunitySummary(groupBy: [SOURCE, WON_MONTH], filter: $won, search: $search) {
      ...Totals
    }
    lost: opportunitySummary(groupBy: [SOURCE, LOST_MONTH], filter: $lost, search: $search) {
      ...Totals
    }
    undated: opportunitySummary(groupBy: [SOURCE, UPDATED_MONTH, STATUS], filter: $undated, search: $search) {
      ...Totals
    }
    week: opportunitySummary(groupBy: [SOURCE, PIPELINE, STAGE], filter: $week, search: $search) {
      ...Totals
    }
    month: opportunitySummary(groupBy: [SOURCE, PIPELINE, STAGE], filter: $month, search: $search) {
      ...Totals
    }
    quarter: opportunitySummary(groupBy: [SOURCE, PIPELINE, STAGE], filter: $quarter, search: $search) {
      ...Totals
    }
    older: opportunitySummary(groupBy: [SOURCE, PIPELINE, STAGE], filter: $older, search: $search) {
      ...Totals
    }
  }
`);

/** The board's pipelines and stages, and what is in them. */
export const BOARD = graphql(`
  query Board($filter: OpportunityFilter, $search: String) {
    ...Stages
    lanes: opportunitySummary(groupBy: [SOURCE, PIPELINE], filter: $filter, search: $search) {
      ...Totals
    }
    stages: opportunitySummary(groupBy: [SOURCE, PIPELINE, STAGE], filter: $filter, search: $search) {
      ...Totals
    }
  }
`);

/** What filters can be set to. */
export const CHOICES = graphql(`
  query Choices($people: Boolean!) {
    pipelines {
      name
      source
      stages {
        name
      }
    }
    currencies: opportunitySummary(groupBy: [CURRENCY]) {
      rows {
        keys {
          value
        }
      }
    }
    owners: opportunitySummary(groupBy: [OWNER]) @include(if: $people) {
      rows {
        keys {
          value
        }
      }
    }
  }
`);

/** How current the copy of each source is. */
export const SOURCES = graphql(`
  query Sources {
    sources {
      name
      status {
        asOf
        ageSeconds
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

/** Whether this caller may see deals, and people: who may not see owners may not group by them, either. */
export const ACCESS = graphql(`
  query Access {
    opportunities(first: 1) {
      pageInfo {
        hasNextPage
      }
    }
    people: opportunitySummary(groupBy: [OWNER], filter: { sourceId: { eq: "none" } }) {
      isComplete
    }
  }
`);

/** For whom any copy will do. */
export const OF_ANY_AGE = { maxAgeSeconds: 10 * 365 * 86_400 };

/** All that is known of a deal: as its source has it now, or as the copy has it, whatever its age. */
export const DEAL_DETAILS = graphql(`
  query DealDetails($id: ID!, $freshness: FreshnessInput) {
    opportunity(id: $id, freshness: $freshness) {
      __typename
      id
      source
      sourceId
      status
      pipelineName
      stageName
      createdAt
      updatedAt
      asOf
      url
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
      ... on NexudusOpportunity {
        name
        uniqueId
        notes
        leadSource
        leadSourceCode
        lossReason
        lossReasonCode
        dueDate
        isReminded
        wonOn
        lostOn
        crmUpdatedOn
        isCompleted
        isNew
        statusCode
        position
        valueAmount
        updatedBy
        referrerId
        agentId
        systemId
        opportunityType {
          id
          name
        }
        responsible {
          id
          fullName
        }
        team {
          id
          name
          description
          profileWebsite
        }
        coworker {
          id
          fullName
          coworkerType
          companyName
          email
        }
        boardColumn {
          id
          name
          board {
            id
            name
            business {
              id
              name
              currency {
                id
                code
              }
            }
          }
        }
        utm {
          source
          medium
          campaign
          content
          term
        }
      }
      ... on ChartMogulOpportunity {
        estimatedCloseDate
        amountInCents
        currencyCode
        type
        rawType
        forecastCategory
        rawForecastCategory
        winLikelihood
        custom {
          key
          value
        }
      }
    }
  }
`);

/** The deals of a deal's customer, in both systems: from the copy, whatever its source does now. */
export const SAME_CUSTOMER = graphql(`
  query SameCustomer($id: ID!, $freshness: FreshnessInput, $people: Boolean!) {
    opportunity(id: $id, freshness: $freshness) {
      id
      customer {
        matchedBy
        opportunities(first: 20) {
          totalCount
          nodes {
            ...DealFields
          }
        }
      }
    }
  }
`);

export type Deal = DealFieldsFragment;
export type DealDetails = NonNullable<DealDetailsQuery['opportunity']>;
export type Source = SourcesQuery['sources'][number];
export type Total = TotalsFragment['rows'][number];
