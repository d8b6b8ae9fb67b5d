"""`NexudusOpportunity`: a CrmOpportunity in Nexudus' own words, its prefixes unfolded into objects."""

from datetime import datetime
from decimal import Decimal

import strawberry

from engine.mapping import Constant, EnumMapping, IdMapping, ObjectMapping, by_code
from resolvers import global_id
from resolvers.nexudus.record import SOURCE, LeadSource, LossReason, NexudusRecord, Status
from schema.access import PERSONAL
from schema.nexudus_objects import (
    BOARD_COLUMN,
    COWORKER,
    OPPORTUNITY_TYPE,
    RESPONSIBLE,
    TEAM,
    UTM,
    NexudusBoardColumn,
    NexudusCoworker,
    NexudusOpportunityType,
    NexudusTeam,
    NexudusUser,
    NexudusUtm,
)
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


@strawberry.federation.type(
    keys=["id", "sourceId"],
    description="A Nexudus CrmOpportunity: a deal that moves through the columns of a CRM board.",
)
class NexudusOpportunity(Opportunity):
    """All 48 documented fields of a CrmOpportunity are reachable from here."""

    unique_id: strawberry.ID | None = strawberry.field(description="UUID of the record.")
    name: str | None = strawberry.federation.field(
        tags=[PERSONAL],
        description="Tag that tells this opportunity from others of the same customer on other boards.",
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
    value_amount: Decimal | None = strawberry.field(
        description="The amount of `value` as Nexudus sends it, also where its currency is not known."
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


_OWNER = ObjectMapping(
    OpportunityOwner, {"name": "responsible_full_name", "email": Constant(None)}, lambda r: r.responsible_full_name
)
_CUSTOMER = ObjectMapping(
    OpportunityCustomer,
    {
        "source_id": IdMapping("coworker_id"),
        "name": "coworker_full_name",
        "company_name": "coworker_company_name",
        "email": "coworker_email",
    },
    "coworker_id",
)

OPPORTUNITY = ObjectMapping(
    NexudusOpportunity,
    {
        "id": _global_id,
        "source": Constant(OpportunitySource.NEXUDUS),
        "source_id": IdMapping("id"),
        "status": EnumMapping(_STATUS, "status"),
        "value": money("value", "crm_board_column_crm_board_business_currency_code"),
        "pipeline_name": "crm_board_column_crm_board_name",
        "stage_name": "crm_board_column_name",
        "owner": _OWNER,
        "customer": _CUSTOMER,
        "created_at": "created_on",
        "updated_at": "updated_on",
        "unique_id": "unique_id",
        "name": "name",
        "board_column": BOARD_COLUMN,
        "position": "position",
        "coworker": COWORKER,
        "team": TEAM,
        "opportunity_type": OPPORTUNITY_TYPE,
        "responsible": RESPONSIBLE,
        "referrer_id": IdMapping("referrer_id"),
        "agent_id": IdMapping("agent_id"),
        "value_amount": "value",
        "notes": "notes",
        "status_code": "status",
        "is_completed": "completed",
        "due_date": "due_date",
        "is_reminded": "reminded",
        "lead_source": EnumMapping(by_code(LeadSource), "lead_source"),
        "lead_source_code": "lead_source",
        "loss_reason": EnumMapping(by_code(LossReason), "loss_reason"),
        "loss_reason_code": "loss_reason",
        "won_on": "won_on",
        "lost_on": "lost_on",
        "crm_updated_on": "crm_updated_on",
        "utm": UTM,
        "updated_by": "updated_by",
        "is_new": "is_new",
        "system_id": "system_id",
    },
)
"""What clients see of a record."""
