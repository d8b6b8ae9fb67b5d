// What a gateway must be able to do with the opportunity graph and the subgraphs of examples/subgraphs: the same checks
// for every gateway.
import { ask, CHARTMOGUL, check, checkEqual, NEXUDUS } from './checks.mjs';

/** Runs the checks against a gateway's endpoint. */
export async function checkGateway(gateway, { joinsInterfaceObjects = true, overridesNode = true } = {}) {
  const query = (text, variables) => ask(gateway, text, variables);

  const schema = await query('{ __schema { queryType { name } } }');
  checkEqual('the gateway answers introspection', schema, { data: { __schema: { queryType: { name: 'Query' } } } });

  for (const [field, { type, sourceId }, number] of [
    ['nexudusOpportunity', NEXUDUS, 'C-1'],
    ['chartMogulOpportunity', CHARTMOGUL, 'C-2'],
  ]) {
    const one = await query(
      `query ($id: ID!) { deal: ${field}(sourceId: $id) { __typename source stageName contracts { number } } }`,
      { id: sourceId },
    );
    const deal = one.data?.deal;
    check(
      `${type}: a root field, with another subgraph's field`,
      !one.errors && deal?.__typename === type && deal.stageName && deal.contracts?.[0]?.number === number,
      one,
    );
  }

  const DEALS = `query ($numbers: [ID!]) {
    contracts(numbers: $numbers) {
      number
      deal {
        ... on NexudusOpportunity { __typename sourceId nexudusStage: stageName value { amount } }
        ... on ChartMogulOpportunity { __typename sourceId chartMogulStage: stageName value { amount } }
      }
    }
  }`;
  const joined = await query(DEALS, { numbers: ['C-4', 'C-2', 'C-3', 'C-1'] });
  checkEqual(
    'references to both types are joined, in order, duplicates too',
    joined.data?.contracts?.map(({ deal }) => [deal?.__typename, deal?.sourceId, !!(deal?.nexudusStage ?? deal?.chartMogulStage)]),
    [
      ['NexudusOpportunity', '1427000501', true],
      ['ChartMogulOpportunity', CHARTMOGUL.sourceId, true],
      ['NexudusOpportunity', '1427000502', true],
      ['NexudusOpportunity', '1427000501', true],
    ],
  );
  check('joining them gives no error', !joined.errors, joined);

  const missing = await query(DEALS, { numbers: ['C-1', 'C-5'] });
  check(
    'a deal that is missing leaves the others whole, without an error',
    !missing.errors && missing.data?.contracts?.[0]?.deal?.nexudusStage && !missing.data.contracts[1].deal?.nexudusStage,
    missing,
  );

  const failing = await query(DEALS, { numbers: ['C-1', 'C-6', 'C-2'] });
  const [first, bad, last] = failing.data?.contracts ?? [];
  check(
    'a deal that fails leaves the others whole',
    first?.deal?.nexudusStage && bad?.number === 'C-6' && !bad.deal?.nexudusStage && last?.deal?.chartMogulStage,
    failing,
  );
  checkEqual(
    "its error reaches the client with the graph's code",
    failing.errors?.map(({ extensions }) => [extensions?.code, extensions?.source]),
    [['BAD_USER_INPUT', 'nexudus']],
  );

  const mine = await query('query ($id: ID!) { node(id: $id) { __typename id ... on Opportunity { stageName } } }', {
    id: NEXUDUS.id,
  });
  check(
    overridesNode ? 'node, taken over by another subgraph, still finds a deal' : 'node finds a deal',
    !mine.errors && mine.data?.node?.__typename === NEXUDUS.type && mine.data.node.stageName,
    mine,
  );
  if (overridesNode) {
    const theirs = await query('{ node(id: "review-1") { __typename ... on Review { text } } }');
    checkEqual("node finds the other subgraph's own records", theirs, {
      data: { node: { __typename: 'Review', text: 'Came through a good broker.' } },
    });
  }
  if (!joinsInterfaceObjects) return;

  const reviewed = await query(
    `{
      reviews(ids: ["review-2", "review-1", "review-3"]) {
        id
        deal {
          __typename
          id
          stageName
          reviews { id }
          ... on NexudusOpportunity { contracts { number } }
          ... on ChartMogulOpportunity { winLikelihood contracts { number } }
        }
      }
    }`,
  );
  checkEqual(
    '@interfaceObject: references to the interface find the concrete types, and their fields',
    reviewed.data?.reviews?.map(({ deal }) => [deal?.__typename, deal?.id, !!deal?.stageName, deal?.contracts?.length]),
    [
      [CHARTMOGUL.type, CHARTMOGUL.id, true, 1],
      [NEXUDUS.type, NEXUDUS.id, true, 2],
      [NEXUDUS.type, NEXUDUS.id, true, 2],
    ],
  );
  check('@interfaceObject: joining them gives no error', !reviewed.errors, reviewed);

  const extended = await query(
    `query ($ids: [ID!]!) { opportunitiesById(ids: $ids) { __typename stageName reviews { id } } }`,
    { ids: [CHARTMOGUL.id, NEXUDUS.id] },
  );
  checkEqual(
    "@interfaceObject: the other subgraph's field is on every type",
    extended.data?.opportunitiesById?.map((deal) => [deal?.__typename, !!deal?.stageName, deal?.reviews]),
    [
      [CHARTMOGUL.type, true, [{ id: 'review-2' }]],
      [NEXUDUS.type, true, [{ id: 'review-1' }, { id: 'review-3' }]],
    ],
  );

  const gone = await query('{ reviews(ids: ["review-4", "review-1"]) { id deal { __typename stageName } } }');
  check(
    '@interfaceObject: a deal that is missing leaves the others whole',
    gone.data?.reviews?.[0]?.id === 'review-4' && !gone.data.reviews[0].deal?.stageName && gone.data.reviews[1].deal?.stageName,
    gone,
  );
}
