// The project's schema, written by hand for graphql-js: the same answers, from the same two upstreams.
// Each request has its DataLoaders; Nexudus' loader asks for up to 50 ids in one list call. Records are kept for
// KEPT_SECONDS, if that is not 0.
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import DataLoader from 'dataloader';
import { Kind, parse } from 'graphql';
import { LRUCache } from 'lru-cache';
import { Pool } from 'undici';

const upstream = new Pool(process.env.UPSTREAM, { connections: 64, pipelining: 1 });
const BEARER = { authorization: 'Bearer token' }, BASIC = { authorization: 'Basic a2V5Og==' };

async function get(path, headers) {
  const reply = await upstream.request({ path, method: 'GET', headers });
  if (reply.statusCode === 200) return reply.body.json();
  await reply.body.dump();
  if (reply.statusCode === 404) return null;
  throw new Error(`The source answered with ${reply.statusCode}.`);
}

const NEXUDUS = '/api/crm/crmopportunities';

async function nexudus(ids) {
  if (ids.length === 1) return [await get(`${NEXUDUS}/${ids[0]}`, BEARER)];
  const page = await get(`${NEXUDUS}?CrmOpportunity_Id=%5B${ids.join(',')}%5D&page=1&size=${ids.length}`, BEARER);
  const found = new Map(page.Records.map((record) => [String(record.Id), record]));
  return ids.map((id) => found.get(id) ?? null);
}

const chartMogul = (ids) => Promise.all(ids.map((id) => get(`/v1/opportunities/${id}`, BASIC)));

export const keptSeconds = Number(process.env.KEPT_SECONDS);
const cache = keptSeconds > 0 ? new LRUCache({ max: 10_000, ttl: 1_000 * keptSeconds }) : null;

function loader(source, fetch) {
  const loader = new DataLoader(
    async (ids) => {
      const records = await fetch(ids);
      records.forEach((record, i) => {
        if (record === null) return;
        record.__typename = source;
        cache?.set(ids[i], record);
      });
      return records;
    },
    { maxBatchSize: 50 },
  );
  return { load: (id) => cache?.get(id) ?? loader.load(id) };
}

export const context = () => ({
  NexudusOpportunity: loader('NexudusOpportunity', nexudus),
  ChartMogulOpportunity: loader('ChartMogulOpportunity', chartMogul),
});

const TYPES = { nexudus: 'NexudusOpportunity', chartmogul: 'ChartMogulOpportunity' };

function byGlobalId(id, loaders) {
  const [source, sourceId] = Buffer.from(id, 'base64url').toString().split(':');
  return loaders[TYPES[source]].load(sourceId);
}

const byGlobalIds = (_, { ids }, loaders) => ids.map((id) => byGlobalId(id, loaders));
const bySourceId = (type) => (_, { sourceId }, loaders) => loaders[type].load(sourceId);
const reference = (type) => ({ id, sourceId }, loaders) =>
  sourceId === undefined ? byGlobalId(id, loaders) : loaders[type].load(sourceId);
const globalId = (source, id) => Buffer.from(`${source}:${id}`).toString('base64url');

const STATUS = { 1: 'OPEN', 2: 'WON', 3: 'LOST', won: 'WON', lost: 'LOST', pipeline: 'OPEN', best_case: 'OPEN', committed: 'OPEN' };
const LEAD_SOURCE = { 1: 'WEB', 2: 'PHONE', 5: 'REFERRAL', 11: 'BROKER', 19: 'GOOGLE_SEARCH' };
const upper = (code) => code?.toUpperCase().replace('-', '_') ?? null;

// Fields of the record under another name.
const named = (names) => Object.fromEntries(Object.entries(names).map(([field, name]) => [field, (r) => r[name]]));

const resolvers = {
  Query: {
    opportunity: (_, { id }, loaders) => byGlobalId(id, loaders),
    node: (_, { id }, loaders) => byGlobalId(id, loaders),
    opportunitiesById: byGlobalIds,
    nodes: byGlobalIds,
    nexudusOpportunity: bySourceId('NexudusOpportunity'),
    chartMogulOpportunity: bySourceId('ChartMogulOpportunity'),
  },
  Opportunity: { __resolveType: (r) => r.__typename },
  Node: { __resolveType: (r) => r.__typename },
  NexudusOpportunity: {
    __resolveReference: reference('NexudusOpportunity'),
    ...named({
      sourceId: 'Id', pipelineName: 'CrmBoardColumnCrmBoardName', stageName: 'CrmBoardColumnName', createdAt: 'CreatedOn',
      updatedAt: 'UpdatedOn', uniqueId: 'UniqueId', name: 'Name', position: 'Position', referrerId: 'ReferrerId',
      agentId: 'AgentId', notes: 'Notes', statusCode: 'Status', isCompleted: 'Completed', dueDate: 'DueDate',
      isReminded: 'Reminded', leadSourceCode: 'LeadSource', lossReasonCode: 'LossReason', wonOn: 'WonOn', lostOn: 'LostOn',
      crmUpdatedOn: 'CrmUpdatedOn', updatedBy: 'UpdatedBy', isNew: 'IsNew', systemId: 'SystemId',
    }),
    id: (r) => globalId('nexudus', r.Id),
    source: () => 'NEXUDUS',
    status: (r) => STATUS[r.Status] ?? null,
    leadSource: (r) => LEAD_SOURCE[r.LeadSource] ?? null,
    value: (r) => (r.Value === null ? null : { amount: String(r.Value), currencyCode: r.CrmBoardColumnCrmBoardBusinessCurrencyCode }),
    owner: (r) => (r.ResponsibleFullName ? { name: r.ResponsibleFullName, email: null } : null),
    customer: (r) => ({ sourceId: r.CoworkerId, name: r.CoworkerFullName, companyName: r.CoworkerCompanyName, email: r.CoworkerEmail }),
    // The parts of a record: their fields read it under its own names.
    boardColumn: (r) => (r.CrmBoardColumnId === null ? null : r),
    coworker: (r) => (r.CoworkerId === null ? null : r),
    team: (r) => (r.TeamId === null ? null : r),
    opportunityType: (r) => (r.OpportunityTypeId === null ? null : r),
    responsible: (r) => (r.ResponsibleId === null ? null : r),
    utm: (r) => r,
  },
  NexudusBoardColumn: { ...named({ id: 'CrmBoardColumnId', name: 'CrmBoardColumnName' }), board: (r) => r },
  NexudusBoard: { ...named({ id: 'CrmBoardColumnCrmBoardId', name: 'CrmBoardColumnCrmBoardName' }), business: (r) => r },
  NexudusBusiness: {
    ...named({ id: 'CrmBoardColumnCrmBoardBusinessId', name: 'CrmBoardColumnCrmBoardBusinessName' }),
    currency: (r) => r,
  },
  NexudusCurrency: named({
    id: 'CrmBoardColumnCrmBoardBusinessCurrencyId', code: 'CrmBoardColumnCrmBoardBusinessCurrencyCode',
  }),
  NexudusCoworker: named({
    id: 'CoworkerId', fullName: 'CoworkerFullName', coworkerType: 'CoworkerCoworkerType', companyName: 'CoworkerCompanyName',
    email: 'CoworkerEmail',
  }),
  NexudusTeam: named({ id: 'TeamId', name: 'TeamName', description: 'TeamDescription', profileWebsite: 'TeamProfileWebsite' }),
  NexudusOpportunityType: named({ id: 'OpportunityTypeId', name: 'OpportunityTypeName' }),
  NexudusUser: named({ id: 'ResponsibleId', fullName: 'ResponsibleFullName' }),
  NexudusUtm: named({ source: 'UtmSource', medium: 'UtmMedium', campaign: 'UtmCampaign', content: 'UtmContent', term: 'UtmTerm' }),
  ChartMogulOpportunity: {
    __resolveReference: reference('ChartMogulOpportunity'),
    ...named({
      sourceId: 'uuid', pipelineName: 'pipeline', stageName: 'pipeline_stage', createdAt: 'created_at', updatedAt: 'updated_at',
      estimatedCloseDate: 'estimated_close_date', rawType: 'type', rawForecastCategory: 'forecast_category',
      winLikelihood: 'win_likelihood',
    }),
    id: (r) => globalId('chartmogul', r.uuid),
    source: () => 'CHARTMOGUL',
    status: (r) => STATUS[r.forecast_category] ?? null,
    value: (r) => (r.amount_in_cents === null ? null : { amount: (r.amount_in_cents / 100).toFixed(2), currencyCode: r.currency }),
    owner: (r) => (r.owner ? { name: null, email: r.owner } : null),
    customer: (r) => ({ sourceId: r.customer_uuid, name: null, companyName: null, email: null }),
    amountInCents: (r) => (r.amount_in_cents === null ? null : String(r.amount_in_cents)),
    type: (r) => upper(r.type),
    forecastCategory: (r) => upper(r.forecast_category),
    custom: (r) => Object.entries(r.custom ?? {}).map(([key, value]) => ({ key, value })),
  },
};

function typeDefs() {
  const document = parse(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
  const isOurs = (node) => !['_Any', '_Entity', '_Service'].includes(node.name?.value);
  return {
    kind: Kind.DOCUMENT,
    definitions: document.definitions.filter(isOurs).map((node) =>
      node.name?.value === 'Query' ? { ...node, fields: node.fields.filter((field) => !field.name.value.startsWith('_')) } : node,
    ),
  };
}

export const schema = buildSubgraphSchema({ typeDefs: typeDefs(), resolvers });
export const port = Number(process.env.PORT);
