"""`NexudusOpportunity`: a CrmOpportunity in Nexudus' own words, its prefixes unfolded into objects."""

from datetime import datetime
from enum import IntEnum

import strawberry

from resolvers import global_id
from resolvers.nexudus.record import SOURCE, LeadSource, LossReason, NexudusRecord, Status
from schema.access import PERSONAL
from schema.made import Code, Constant, Made, Number, by_code
from schema.opportunity import (
    Opportunity,
    OpportunityCustomer,
    OpportunityOwner,
    OpportunitySource,
    OpportunityStatus,
    money,
)

_STATUS = {
    Status.IN_PROGRESS: OpportunityStatus.OPEN,
    Status.WON: OpportunityStatus.WON,
    Status.LOST: OpportunityStatus.LOST,
}


def _vendor_enum(enum: type[IntEnum], *, name: str, description: str) -> None:
    """Publish a vendor's enumeration; each value's description is the vendor's own code and spelling."""
    strawberry.enum(enum, name=name, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined] # set by the line above
        value.description = f"Nexudus' {value.value}, `{value.name.title().replace('_', '')}`."


_vendor_enum(
    LeadSource,
    name="NexudusLeadSource",
    description="Nexudus' eCrmOpportunitySource: how an opportunity was acquired.",
)
_vendor_enum(
    LossReason,
    name="NexudusLossReason",
    description="Nexudus' eCrmOpportunityLossReason: why an opportunity was lost.",
)


@strawberry.type(description="The currency of a Nexudus business.")
class NexudusCurrency:
    """A currency."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the currency.")
    code: str | None = strawberry.field(description="ISO 4217 code.")


@strawberry.type(description="A Nexudus business: one location of the operator.")
class NexudusBusiness:
    """A business."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the business.")
    name: str | None = strawberry.field(description="Name of the business.")
    currency: NexudusCurrency | None = strawberry.field(description="The currency the business works in.")


@strawberry.type(description="A Nexudus CRM board: a pipeline that deals move through.")
class NexudusBoard:
    """A board."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the board.")
    name: str | None = strawberry.field(description="Name of the board.")
    business: NexudusBusiness | None = strawberry.field(description="The business that the board belongs to.")


@strawberry.type(description="A column of a Nexudus CRM board: a stage of the pipeline.")
class NexudusBoardColumn:
    """A board column."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the column.")
    name: str | None = strawberry.field(description="Name of the column.")
    board: NexudusBoard | None = strawberry.field(description="The board that the column is on.")


@strawberry.type(description="A Nexudus coworker: the record of a customer.")
class NexudusCoworker:
    """A coworker."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the customer.")
    full_name: str | None = strawberry.federation.field(tags=[PERSONAL], description="Full name of the customer.")
    coworker_type: str | None = strawberry.field(
        description="Nexudus' record type of the customer: `Individual` or `Company`."
    )
    company_name: str | None = strawberry.field(description="Company of the customer.")
    email: str | None = strawberry.federation.field(tags=[PERSONAL], description="Email address of the customer.")


@strawberry.type(description="A Nexudus team of coworkers.")
class NexudusTeam:
    """A team."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the team.")
    name: str | None = strawberry.field(description="Name of the team.")
    description: str | None = strawberry.field(description="Description of the team.")
    profile_website: str | None = strawberry.field(description="Web site on the team's profile.")


@strawberry.type(description="A Nexudus opportunity type: a category with a template for notes.")
class NexudusOpportunityType:
    """An opportunity type."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the type.")
    name: str | None = strawberry.field(description="Name of the type.")


@strawberry.type(description="An admin user of Nexudus.")
class NexudusUser:
    """An admin user."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the user.")
    full_name: str | None = strawberry.federation.field(tags=[PERSONAL], description="Full name of the user.")


@strawberry.type(description="Campaign parameters of the URL that an opportunity came through.")
class NexudusUtm:
    """UTM parameters."""

    source: str | None = strawberry.field(description="`utm_source`.")
    medium: str | None = strawberry.field(description="`utm_medium`.")
    campaign: str | None = strawberry.field(description="`utm_campaign`.")
    content: str | None = strawberry.field(description="`utm_content`.")
    term: str | None = strawberry.field(description="`utm_term`.")


@strawberry.federation.type(
    keys=["id", "sourceId"],
    description="A Nexudus CrmOpportunity: a deal that moves through the columns of a CRM board.",
)
class NexudusOpportunity(Opportunity):
    """All 48 documented fields of a CrmOpportunity are reachable from here."""

    unique_id: strawberry.ID | None = strawberry.field(description="UUID of the record.")
    name: str | None = strawberry.field(
        description="Tag that tells this opportunity from others of the same customer on other boards."
    )
    board_column: NexudusBoardColumn | None = strawberry.field(
        description="The stage the opportunity is in, with its board and that board's business."
    )
    position: int | None = strawberry.field(description="Display order within the column.")
    coworker: NexudusCoworker | None = strawberry.field(description="The customer's record.")
    team: NexudusTeam | None = strawberry.field(description="The customer's team.")
    opportunity_type: NexudusOpportunityType | None = strawberry.field(
        description="Category, whose template fills `notes`."
    )
    responsible: NexudusUser | None = strawberry.field(description="Admin user responsible for the opportunity.")
    referrer_id: strawberry.ID | None = strawberry.field(description="The customer who referred the opportunity.")
    agent_id: strawberry.ID | None = strawberry.field(
        description="The external agent or broker who brought the opportunity."
    )
    notes: str | None = strawberry.federation.field(tags=[PERSONAL], description="General notes that admins see.")
    status_code: int = strawberry.field(description="The status as Nexudus sends it: 1 InProgress, 2 Won, 3 Lost.")
    is_completed: bool | None = strawberry.field(description="Whether the opportunity has been won or lost.")
    due_date: datetime | None = strawberry.field(description="When to follow up. Not a closing date.")
    is_reminded: bool | None = strawberry.field(description="Whether a follow-up reminder has been sent.")
    lead_source: LeadSource | None = strawberry.field(
        description="How the opportunity was acquired; null if not recorded, or if this service does not know the code."
    )
    lead_source_code: int | None = strawberry.field(description="The code behind `leadSource`, as Nexudus sends it.")
    loss_reason: LossReason | None = strawberry.field(
        description="Why the opportunity was lost; null if not recorded, or if this service does not know the code."
    )
    loss_reason_code: int | None = strawberry.field(description="The code behind `lossReason`, as Nexudus sends it.")
    won_on: datetime | None = strawberry.field(description="When the opportunity was marked as won.")
    lost_on: datetime | None = strawberry.field(description="When the opportunity was marked as lost.")
    crm_updated_on: datetime | None = strawberry.field(description="Last CRM-related update.")
    utm: NexudusUtm | None = strawberry.field(
        description="Campaign parameters of the URL the opportunity came through."
    )
    updated_by: str | None = strawberry.federation.field(
        tags=[PERSONAL], description="Email address of the user who last updated the record."
    )
    is_new: bool | None = strawberry.field(description="Whether the record was created recently.")
    system_id: str | None = strawberry.field(description="Identifier in an external system.")


def _global_id(r: NexudusRecord) -> str:
    return global_id.encode(SOURCE, str(r.id))


def _has_utm(r: NexudusRecord) -> bool:
    values = (r.utm_source, r.utm_medium, r.utm_campaign, r.utm_content, r.utm_term)
    return any(value is not None for value in values)


_OWNER = Made(
    OpportunityOwner, {"name": "responsible_full_name", "email": Constant(None)}, lambda r: r.responsible_full_name
)
_CUSTOMER = Made(
    OpportunityCustomer,
    {
        "source_id": Number("coworker_id"),
        "name": "coworker_full_name",
        "company_name": "coworker_company_name",
        "email": "coworker_email",
    },
    "coworker_id",
)
_CURRENCY = Made(
    NexudusCurrency,
    {
        "id": Number("crm_board_column_crm_board_business_currency_id"),
        "code": "crm_board_column_crm_board_business_currency_code",
    },
    "crm_board_column_crm_board_business_currency_id",
)
_BUSINESS = Made(
    NexudusBusiness,
    {
        "id": Number("crm_board_column_crm_board_business_id"),
        "name": "crm_board_column_crm_board_business_name",
        "currency": _CURRENCY,
    },
    "crm_board_column_crm_board_business_id",
)
_BOARD = Made(
    NexudusBoard,
    {
        "id": Number("crm_board_column_crm_board_id"),
        "name": "crm_board_column_crm_board_name",
        "business": _BUSINESS,
    },
    "crm_board_column_crm_board_id",
)
_BOARD_COLUMN = Made(
    NexudusBoardColumn,
    {"id": Number("crm_board_column_id"), "name": "crm_board_column_name", "board": _BOARD},
    "crm_board_column_id",
)
_COWORKER = Made(
    NexudusCoworker,
    {
        "id": Number("coworker_id"),
        "full_name": "coworker_full_name",
        "coworker_type": "coworker_type",
        "company_name": "coworker_company_name",
        "email": "coworker_email",
    },
    "coworker_id",
)
_TEAM = Made(
    NexudusTeam,
    {
        "id": Number("team_id"),
        "name": "team_name",
        "description": "team_description",
        "profile_website": "team_profile_website",
    },
    "team_id",
)
_UTM = Made(
    NexudusUtm,
    {
        "source": "utm_source",
        "medium": "utm_medium",
        "campaign": "utm_campaign",
        "content": "utm_content",
        "term": "utm_term",
    },
    _has_utm,
)

OPPORTUNITY = Made(
    NexudusOpportunity,
    {
        "id": _global_id,
        "source": Constant(OpportunitySource.NEXUDUS),
        "source_id": Number("id"),
        "status": Code(_STATUS, "status"),
        "value": money("value", "crm_board_column_crm_board_business_currency_code"),
        "pipeline_name": "crm_board_column_crm_board_name",
        "stage_name": "crm_board_column_name",
        "owner": _OWNER,
        "customer": _CUSTOMER,
        "created_at": "created_on",
        "updated_at": "updated_on",
        "unique_id": "unique_id",
        "name": "name",
        "board_column": _BOARD_COLUMN,
        "position": "position",
        "coworker": _COWORKER,
        "team": _TEAM,
        "opportunity_type": Made(
            NexudusOpportunityType,
            {"id": Number("opportunity_type_id"), "name": "opportunity_type_name"},
            "opportunity_type_id",
        ),
        "responsible": Made(
            NexudusUser, {"id": Number("responsible_id"), "full_name": "responsible_full_name"}, "responsible_id"
        ),
        "referrer_id": Number("referrer_id"),
        "agent_id": Number("agent_id"),
        "notes": "notes",
        "status_code": "status",
        "is_completed": "completed",
        "due_date": "due_date",
        "is_reminded": "reminded",
        "lead_source": Code(by_code(LeadSource), "lead_source"),
        "lead_source_code": "lead_source",
        "loss_reason": Code(by_code(LossReason), "loss_reason"),
        "loss_reason_code": "loss_reason",
        "won_on": "won_on",
        "lost_on": "lost_on",
        "crm_updated_on": "crm_updated_on",
        "utm": _UTM,
        "updated_by": "updated_by",
        "is_new": "is_new",
        "system_id": "system_id",
    },
)
"""What clients see of a record."""
