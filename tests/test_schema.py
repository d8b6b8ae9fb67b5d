"""The graph as a whole: what was promised is served, everything is described, and the printed schema is current.

`schema.export` prints it.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_scalar_type,
    validate_schema,
)
from graphql import build_schema as build_sdl

from schema.export import FILE, main, printed
from tests.schemas import build_schema

SERVED = build_schema()._schema

OPPORTUNITY = """
    id: ID!, source: OpportunitySource!, sourceId: ID!, status: OpportunityStatus, value: Money, pipelineName: String,
    stageName: String, owner: OpportunityOwner, customer: OpportunityCustomer, createdAt: DateTime, updatedAt: DateTime
    asOf: DateTime
"""
PROMISED = build_sdl(f"""
scalar BigInt scalar Date scalar DateTime scalar Decimal scalar JSON
type Query {{
  opportunity(id: ID!, freshness: FreshnessInput): Opportunity
  opportunitiesById(ids: [ID!]!, freshness: FreshnessInput): [Opportunity]
  nexudusOpportunity(sourceId: ID!, freshness: FreshnessInput): NexudusOpportunity
  chartMogulOpportunity(sourceId: ID!, freshness: FreshnessInput): ChartMogulOpportunity
  nexudusOpportunities(sourceIds: [ID!]!, freshness: FreshnessInput): [NexudusOpportunity]
  chartMogulOpportunities(sourceIds: [ID!]!, freshness: FreshnessInput): [ChartMogulOpportunity]
  node(id: ID!): Node, nodes(ids: [ID!]!): [Node]
  opportunities(first: Int, after: String, last: Int, before: String, filter: OpportunityFilter,
    orderBy: [OpportunityOrder!], search: String, sources: [String!], freshness: FreshnessInput): OpportunityConnection
  opportunitySummary(groupBy: [SummaryDimension!]!, filter: OpportunityFilter, search: String,
    freshness: FreshnessInput, timeZone: String): OpportunitySummary
  pipelines: [Pipeline!], sources: [SourceInfo!]!
}}
input FreshnessInput {{ maxAgeSeconds: Int!, onStale: OnStale! = WARN }}
enum OnStale {{ WARN WAIT ERROR }}
input OpportunityFilter {{ and: [OpportunityFilter!], or: [OpportunityFilter!], not: OpportunityFilter
  status: StatusFilter, source: SourceFilter, value: MoneyFilter, stageName: StringFilter, createdAt: DateTimeFilter }}
input StatusFilter {{ eq: OpportunityStatus, in: [OpportunityStatus!], notIn: [OpportunityStatus!], isNull: Boolean }}
input SourceFilter {{ eq: OpportunitySource, in: [OpportunitySource!], notIn: [OpportunitySource!] }}
input StringFilter {{ eq: String, in: [String!], notIn: [String!], contains: String, startsWith: String
  isNull: Boolean }}
input MoneyFilter {{ currency: String, lt: Decimal, lte: Decimal, gt: Decimal, gte: Decimal, eq: Decimal
  isNull: Boolean }}
input DateTimeFilter {{ eq: DateTime, lt: DateTime, lte: DateTime, gt: DateTime, gte: DateTime, isNull: Boolean
  relative: RelativeRange, timeZone: String }}
input RelativeRange {{ unit: CalendarUnit!, from: Int!, to: Int! }}
enum CalendarUnit {{ DAY WEEK MONTH QUARTER YEAR }}
input OpportunityOrder {{ field: OpportunityOrderField!, direction: OrderDirection! = ASC, nulls: OrderNulls! = LAST }}
enum OpportunityOrderField {{ CREATED_AT UPDATED_AT VALUE STATUS PIPELINE_NAME STAGE_NAME OWNER CUSTOMER_NAME
  CUSTOMER_COMPANY_NAME NAME WIN_LIKELIHOOD ESTIMATED_CLOSE_DATE DUE_DATE WON_ON LOST_ON }}
enum OrderDirection {{ ASC DESC }}
enum OrderNulls {{ FIRST LAST }}
type OpportunityConnection {{ edges: [OpportunityEdge!]!, nodes: [Opportunity]!, pageInfo: PageInfo!, totalCount: Int
  summary(groupBy: [SummaryDimension!]!, timeZone: String): OpportunitySummary, sources: [ListedSource!] }}
type OpportunityEdge {{ cursor: String!, node: Opportunity }}
type PageInfo {{ hasNextPage: Boolean!, hasPreviousPage: Boolean!, startCursor: String, endCursor: String }}
type ListedSource {{ source: String!, asOf: DateTime, ageSeconds: Int, isComplete: Boolean! }}
enum SummaryDimension {{ SOURCE STATUS PIPELINE STAGE OWNER CURRENCY KIND LEAD_SOURCE LOSS_REASON CAMPAIGN
  CLOSE_MONTH CLOSE_QUARTER CREATED_MONTH CUSTOMER }}
type OpportunitySummary {{ rows: [SummaryRow!]!, asOf: DateTime, isComplete: Boolean }}
type SummaryRow {{ keys: [SummaryKey!]!, currency: String, kind: String, count: Int!, amount: Decimal
  weightedAmount: Decimal, averageAmount: Decimal, missingAmountCount: Int!, missingLikelihoodCount: Int! }}
type SummaryKey {{ dimension: SummaryDimension!, value: String }}
type Pipeline {{ name: String, source: OpportunitySource!, stages: [PipelineStage!]! }}
type PipelineStage {{ name: String, position: Int, count: Int! }}
type SourceInfo {{ name: String!, account: String, capabilities: [SourceCapability!], status: SourceStatus }}
type SourceStatus {{ asOf: DateTime, ageSeconds: Int, isComplete: Boolean!, state: SourceState!, lastSweepAt: DateTime
  nextRunAt: DateTime, rows: Int, drift: Int, lastError: String }}
enum SourceCapability {{ BY_ID LIST CHANGED_SINCE DELETIONS CUSTOMERS }}
enum SourceState {{ NOT_CONFIGURED UNLISTED WAITING FILLING CURRENT INCOMPLETE FAILING BRAKED OFF }}
interface Node {{ id: ID! }}
interface Opportunity implements Node {{ {OPPORTUNITY} }}
enum OpportunitySource {{ NEXUDUS CHARTMOGUL }}
enum OpportunityStatus {{ OPEN WON LOST }}
type Money {{ amount: Decimal!, currencyCode: String! }}
type OpportunityOwner {{ name: String, email: String }}
type OpportunityCustomer {{ sourceId: ID!, name: String, companyName: String, email: String }}
type NexudusOpportunity implements Opportunity & Node {{ {OPPORTUNITY}
  uniqueId: ID, name: String, boardColumn: NexudusBoardColumn, position: Int, coworker: NexudusCoworker
  team: NexudusTeam, opportunityType: NexudusOpportunityType, responsible: NexudusUser, referrerId: ID, agentId: ID
  valueAmount: Decimal, notes: String, statusCode: Int!, isCompleted: Boolean, dueDate: DateTime, isReminded: Boolean
  leadSource: NexudusLeadSource, leadSourceCode: Int, lossReason: NexudusLossReason, lossReasonCode: Int
  wonOn: DateTime, lostOn: DateTime, crmUpdatedOn: DateTime, utm: NexudusUtm, updatedBy: String, isNew: Boolean
  systemId: String
}}
type NexudusBoardColumn {{ id: ID!, name: String, board: NexudusBoard }}
type NexudusBoard {{ id: ID!, name: String, business: NexudusBusiness }}
type NexudusBusiness {{ id: ID!, name: String, currency: NexudusCurrency }}
type NexudusCurrency {{ id: ID!, code: String }}
type NexudusCoworker {{ id: ID!, fullName: String, coworkerType: String, companyName: String, email: String }}
type NexudusTeam {{ id: ID!, name: String, description: String, profileWebsite: String }}
type NexudusOpportunityType {{ id: ID!, name: String }}
type NexudusUser {{ id: ID!, fullName: String }}
type NexudusUtm {{ source: String, medium: String, campaign: String, content: String, term: String }}
enum NexudusLeadSource {{
  WEB PHONE WEBINAR REFERRAL PRINT_ADVERT PURCHASED_LIST WORD_OF_MOUTH DIRECT_EMAIL EMAIL_MARKETING BROKER
  PROPERTY_AGENT FACEBOOK LINKEDIN INSTAGRAM TWITTER HUBBLE_HQ LIQUID_SPACE GOOGLE_SEARCH SPACE_POOL INSTANT_OFFICES
  OFFICE_FREEDOM FLEXI_OFFICES WORKTHERE KONTOR VALVE OTHER_SOCIAL_NETWORK OTHER
}}
enum NexudusLossReason {{
  TIMING NEED POOR_QUALIFICATION PRICE FEATURE LOST_MOMENTUM COMPETITION CONTRACT_TERM DUPLICATE WAITLIST
  NOT_RETURNING_CALLS LACK_OF_FACILITIES NO_PET_POLICY NO_RIGHT_FIT LOCATION ENTRANCE ERRORS ARCHIVED SEARCH_ON_HOLD
  RELOCATION_ON_HOLD OTHER
}}
type ChartMogulOpportunity implements Opportunity & Node {{ {OPPORTUNITY}
  estimatedCloseDate: Date, amountInCents: BigInt, currencyCode: String
  type: ChartMogulOpportunityType, rawType: String
  forecastCategory: ChartMogulForecastCategory, rawForecastCategory: String, winLikelihood: Int
  custom: [ChartMogulCustomAttribute!]!
}}
enum ChartMogulOpportunityType {{ RECURRING ARR ONE_TIME }}
enum ChartMogulForecastCategory {{ PIPELINE BEST_CASE COMMITTED LOST WON }}
type ChartMogulCustomAttribute {{ key: String!, value: JSON }}
""")


LINK = {"_FieldSet", "link__Import", "link__Purpose"}
"""Types of the arguments of federation's own directives; its specification says what they are."""


def ours(types: dict[str, GraphQLNamedType]) -> list[GraphQLNamedType]:
    given = (t for t in types.values() if not is_introspection_type(t) and not is_specified_scalar_type(t))
    return [t for t in given if t.name not in LINK]


def members(type_: Any) -> list[str]:
    """Return all that a client can rely on of a type, a line each."""
    if isinstance(type_, GraphQLEnumType):
        return [f"{type_.name}.{value}" for value in type_.values]
    if isinstance(type_, GraphQLInputObjectType):
        return [f"{type_.name}.{name}: {field.type}" for name, field in type_.fields.items()]
    if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        return [f"scalar {type_.name}"]
    lines = [f"{type_.name} implements {interface.name}" for interface in type_.interfaces]
    for name, field in type_.fields.items():
        arguments = ", ".join(f"{argument}: {of.type}" for argument, of in field.args.items())
        lines.append(f"{type_.name}.{name}({arguments}): {field.type}")
    return lines


@pytest.mark.parametrize("name", [type_.name for type_ in ours(PROMISED.type_map)])
def test_each_promised_type_is_served_with_its_fields_arguments_and_types(name: str) -> None:
    served = SERVED.type_map.get(name)
    assert served is not None
    assert isinstance(served, type(PROMISED.type_map[name]))
    assert [line for line in members(PROMISED.type_map[name]) if line not in members(served)] == []


def test_the_schema_is_valid() -> None:
    assert validate_schema(SERVED) == []


def test_the_printed_schema_is_current() -> None:
    assert FILE.read_text("utf-8") == printed(), "schema.graphql is stale; renew it with: make schema"


def test_a_stale_schema_is_told_with_the_command_that_renews_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    file = tmp_path / "schema.graphql"
    monkeypatch.setattr("schema.export.FILE", file)

    assert main(["--check"]) == 1
    assert "make schema" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
    file.write_text(file.read_text("utf-8") + "\n", "utf-8")
    assert main(["--check"]) == 1


def described() -> Iterator[tuple[str, str | None]]:
    for type_ in ours(SERVED.type_map):
        yield type_.name, type_.description
        if isinstance(type_, GraphQLEnumType):
            for name, value in type_.values.items():
                yield f"{type_.name}.{name}", value.description
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in type_.fields.items():
                yield f"{type_.name}.{name}", field.description
                for argument, of in field.args.items():
                    yield f"{type_.name}.{name}({argument})", of.description


def test_every_type_field_argument_and_enum_value_is_described() -> None:
    assert [place for place, text in described() if not (text or "").strip()] == []


def test_names_follow_the_conventions() -> None:
    for type_ in ours(SERVED.type_map):
        assert type_.name.removeprefix("_")[0].isupper(), type_.name
        if isinstance(type_, GraphQLEnumType):
            assert all(name == name.upper() for name in type_.values), type_.name
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in type_.fields.items():
                assert "_" not in name.removeprefix("_"), f"{type_.name}.{name}"
                assert not name.startswith(("get", "list")), f"{type_.name}.{name}"
                if str(field.type).rstrip("!") == "Boolean":
                    assert name.startswith(("is", "has")), f"{type_.name}.{name}"


def test_no_id_is_a_number_and_no_amount_is_a_float() -> None:
    for type_ in ours(SERVED.type_map):
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in type_.fields.items():
                assert "Float" not in str(field.type), f"{type_.name}.{name}"
                if name == "id" or name.endswith(("Id", "Ids")):
                    assert "Int" not in str(field.type), f"{type_.name}.{name}"
