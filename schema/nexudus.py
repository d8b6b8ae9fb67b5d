"""`NexudusOpportunity`: a CrmOpportunity in Nexudus' own words, its prefixes unfolded into objects."""

from datetime import datetime
from decimal import Decimal
from operator import attrgetter

import strawberry

from engine.mapping import Constant, EnumMapping, IdMapping, ObjectMapping, by_code
from resolvers import global_id
from resolvers.nexudus.codes import LeadSource, LossReason, Status
from resolvers.nexudus.record import SOURCE, NexudusRecord
from schema.mapped_type import inherited, mapped, mapped_type
from schema.nexudus_objects import (
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
from schema.people import PEOPLE

_STATUS = {
    Status.IN_PROGRESS: OpportunityStatus.OPEN,
    Status.WON: OpportunityStatus.WON,
    Status.LOST: OpportunityStatus.LOST,
}


def _global_id(r: NexudusRecord) -> str:
    return global_id.encode(SOURCE, str(r.id))


_OWNER = ObjectMapping(
    OpportunityOwner,
    {
        "name": PEOPLE.name_of("responsible_full_name", is_name=True),
        "email": PEOPLE.address_of("responsible_full_name", is_address=False),
    },
    present=attrgetter("responsible_full_name"),
)
_CUSTOMER = ObjectMapping(
    OpportunityCustomer,
    {
        "source_id": IdMapping("coworker_id"),
        "name": "coworker_full_name",
        "company_name": "coworker_company_name",
        "email": "coworker_email",
        "source": Constant(SOURCE),
    },
    present="coworker_id",
)


@mapped_type(
    keys=["id", "sourceId"],
    description="A Nexudus CrmOpportunity: a deal that moves through the columns of a CRM board.",
)
class NexudusOpportunity(Opportunity):
    """All 48 documented fields of a CrmOpportunity are reachable from here."""

    id = inherited(_global_id)
    source = inherited(Constant(OpportunitySource.NEXUDUS))
    source_id = inherited(IdMapping("id"))
    status = inherited(EnumMapping(_STATUS, "status"))
    value = inherited(money("value", "crm_board_column_crm_board_business_currency_code"))
    pipeline_name = inherited("crm_board_column_crm_board_name")
    stage_name = inherited("crm_board_column_name")
    owner = inherited(_OWNER)
    customer = inherited(_CUSTOMER)
    created_at = inherited("created_on")
    updated_at = inherited("updated_on")

    unique_id: strawberry.ID | None = mapped("unique_id", description="UUID of the record.")
    name: str | None = mapped(
        "name",
        description="Tag that tells this opportunity from others of the same customer on other boards.",
        personal=True,
    )
    board_column: NexudusBoardColumn | None = mapped(
        NexudusBoardColumn, description="The stage the opportunity is in, with its board and that board's business."
    )
    position: int | None = mapped("position", description="Display order within the column.")
    coworker: NexudusCoworker | None = mapped(NexudusCoworker, description="The customer's record.")
    team: NexudusTeam | None = mapped(NexudusTeam, description="The customer's team.")
    opportunity_type: NexudusOpportunityType | None = mapped(
        NexudusOpportunityType, description="Category, whose template fills `notes`."
    )
    responsible: NexudusUser | None = mapped(NexudusUser, description="Admin user responsible for the opportunity.")
    referrer_id: strawberry.ID | None = mapped(
        IdMapping("referrer_id"), description="The customer who referred the opportunity."
    )
    agent_id: strawberry.ID | None = mapped(
        IdMapping("agent_id"), description="The external agent or broker who brought the opportunity."
    )
    value_amount: Decimal | None = mapped(
        "value", description="The amount of `value` as Nexudus sends it, also where its currency is not known."
    )
    notes: str | None = mapped("notes", description="General notes that admins see.", personal=True)
    status_code: int = mapped("status", description="The status as Nexudus sends it: 1 InProgress, 2 Won, 3 Lost.")
    is_completed: bool | None = mapped("completed", description="Whether the opportunity has been won or lost.")
    due_date: datetime | None = mapped("due_date", description="When to follow up. Not a closing date.")
    is_reminded: bool | None = mapped("reminded", description="Whether a follow-up reminder has been sent.")
    lead_source: LeadSource | None = mapped(
        EnumMapping(by_code(LeadSource), "lead_source"),
        description="How the opportunity was acquired; "
        "null if not recorded, or if this service does not know the code.",
    )
    lead_source_code: int | None = mapped(
        "lead_source", description="The code behind `leadSource`, as Nexudus sends it."
    )
    loss_reason: LossReason | None = mapped(
        EnumMapping(by_code(LossReason), "loss_reason"),
        description="Why the opportunity was lost; null if not recorded, or if this service does not know the code.",
    )
    loss_reason_code: int | None = mapped(
        "loss_reason", description="The code behind `lossReason`, as Nexudus sends it."
    )
    won_on: datetime | None = mapped("won_on", description="When the opportunity was marked as won.")
    lost_on: datetime | None = mapped("lost_on", description="When the opportunity was marked as lost.")
    crm_updated_on: datetime | None = mapped("crm_updated_on", description="Last CRM-related update.")
    utm: NexudusUtm | None = mapped(
        NexudusUtm, description="Campaign parameters of the URL the opportunity came through."
    )
    updated_by: str | None = mapped(
        "updated_by", description="Email address of the user who last updated the record.", personal=True
    )
    is_new: bool | None = mapped("is_new", description="Whether the record was created recently.")
    system_id: str | None = mapped("system_id", description="Identifier in an external system.")
