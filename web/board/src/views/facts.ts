// What is known of a deal, for people to read. A value is null where nothing is recorded: that is never 0 or "no".
import type { DealDetails } from '../documents';
import { date, decimal, time, words } from '../text';

/** `field`: its path in the graph, where who may not see people may not see it. */
export type Fact = { label: string; value: string | null; field?: string; isLong?: boolean };
export type Group = { title: string; facts: Fact[] };

type Nexudus = Extract<DealDetails, { __typename: 'NexudusOpportunity' }>;
type ChartMogul = Extract<DealDetails, { __typename: 'ChartMogulOpportunity' }>;

const yes = (value: boolean | null | undefined) => (value == null ? null : value ? 'Yes' : 'No');
const text = (value: string | number | null | undefined) => (value == null || value === '' ? null : String(value));
const coded = (name: string | null, code: string | number | null) =>
  name ? words(name) : code === null ? null : `Code ${code}, which is not known here`;

export function sharedFacts(deal: DealDetails): Group[] {
  const { customer, owner } = deal;
  return [
    {
      title: 'Customer',
      facts: [
        { label: 'Company', value: text(customer?.companyName) },
        { label: 'Name', value: text(customer?.name), field: 'customer.name' },
        { label: 'Email', value: text(customer?.email), field: 'customer.email' },
        { label: 'Customer id', value: text(customer?.sourceId) },
      ],
    },
    {
      title: 'Owner and dates',
      facts: [
        { label: 'Owner’s name', value: text(owner?.name), field: 'owner' },
        { label: 'Owner’s email', value: text(owner?.email), field: 'owner' },
        { label: 'Created', value: time(deal.createdAt) },
        { label: 'Changed', value: time(deal.updatedAt) },
        ...(deal.__typename === 'NexudusOpportunity' ? nexudusDates(deal) : chartMogulDates(deal)),
      ],
    },
  ];
}

const nexudusDates = (deal: Nexudus): Fact[] => [
  { label: 'Follow up', value: time(deal.dueDate) },
  { label: 'Reminder sent', value: yes(deal.isReminded) },
  { label: 'Won', value: time(deal.wonOn) },
  { label: 'Lost', value: time(deal.lostOn) },
  { label: 'Changed in the CRM', value: time(deal.crmUpdatedOn) },
  { label: 'Changed by', value: text(deal.updatedBy), field: 'updatedBy' },
];

const chartMogulDates = (deal: ChartMogul): Fact[] => [
  { label: 'Expected to close', value: date(deal.estimatedCloseDate) },
];

export const nexudusFacts = (deal: Nexudus): Group[] => [
  {
    title: 'In Nexudus',
    facts: [
      { label: 'Name', value: text(deal.name), field: 'name' },
      { label: 'Type', value: text(deal.opportunityType?.name) },
      { label: 'Lead source', value: coded(deal.leadSource, deal.leadSourceCode) },
      { label: 'Loss reason', value: coded(deal.lossReason, deal.lossReasonCode) },
      { label: 'Campaign', value: text(deal.utm?.campaign) },
      { label: 'Campaign source', value: text(deal.utm?.source) },
      { label: 'Campaign medium', value: text(deal.utm?.medium) },
      { label: 'Campaign content', value: text(deal.utm?.content) },
      { label: 'Campaign term', value: text(deal.utm?.term) },
      { label: 'Business name', value: text(deal.boardColumn?.board?.business?.name) },
      { label: 'Coworker name', value: text(deal.coworker?.fullName), field: 'coworker.fullName' },
      { label: 'Coworker type', value: text(deal.coworker?.coworkerType) },
      { label: 'Team name', value: text(deal.team?.name) },
      { label: 'Team description', value: text(deal.team?.description), field: 'team.description' },
      { label: 'Team web site', value: text(deal.team?.profileWebsite) },
      { label: 'Responsible’s name', value: text(deal.responsible?.fullName), field: 'responsible.fullName' },
      { label: 'Amount as sent', value: deal.valueAmount === null ? null : decimal(deal.valueAmount) },
      { label: 'Notes', value: text(deal.notes), field: 'notes', isLong: true },
    ],
  },
  {
    title: 'Ids and technical fields',
    facts: [
      { label: 'Id', value: deal.sourceId },
      { label: 'Unique id', value: text(deal.uniqueId) },
      { label: 'Id here', value: deal.id },
      { label: 'Status code', value: text(deal.statusCode) },
      { label: 'Completed', value: yes(deal.isCompleted) },
      { label: 'New', value: yes(deal.isNew) },
      { label: 'Place in the column', value: text(deal.position) },
      { label: 'Column id', value: text(deal.boardColumn?.id) },
      { label: 'Board id', value: text(deal.boardColumn?.board?.id) },
      { label: 'Business id', value: text(deal.boardColumn?.board?.business?.id) },
      { label: 'Business currency', value: text(deal.boardColumn?.board?.business?.currency?.code) },
      { label: 'Responsible id', value: text(deal.responsible?.id) },
      { label: 'Referrer id', value: text(deal.referrerId) },
      { label: 'Agent id', value: text(deal.agentId) },
      { label: 'External id', value: text(deal.systemId) },
    ],
  },
];

export const chartMogulFacts = (deal: ChartMogul): Group[] => [
  {
    title: 'In ChartMogul',
    facts: [
      { label: 'Forecast', value: coded(deal.forecastCategory, deal.rawForecastCategory) },
      { label: 'Likelihood', value: deal.winLikelihood === null ? null : `${deal.winLikelihood} %` },
      { label: 'Kind of amount', value: coded(deal.type, deal.rawType) },
      { label: 'Amount in cents', value: deal.amountInCents === null ? null : decimal(deal.amountInCents) },
      { label: 'Currency', value: text(deal.currencyCode) },
    ],
  },
  ...(deal.custom.length > 0
    ? [
        {
          title: 'Custom attributes',
          facts: deal.custom.map(({ key, value }, index) => ({
            label: key,
            value: value === null || value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value),
            field: `custom.${index}.value`,
          })),
        },
      ]
    : []),
  {
    title: 'Ids',
    facts: [
      { label: 'UUID', value: deal.sourceId },
      { label: 'Id here', value: deal.id },
    ],
  },
];
