"""`NexudusOpportunity`: a CrmOpportunity in Nexudus' own words, its prefixes unfolded into objects."""

from datetime import datetime
from enum import IntEnum
from typing import TypeVar

import strawberry

from resolvers import global_id
from resolvers.nexudus.record import SOURCE, LeadSource, LossReason, NexudusRecord, Status
from schema.access import PERSONAL
from schema.opportunity import (
    Opportunity,
    OpportunityCustomer,
    OpportunityOwner,
    OpportunitySource,
    OpportunityStatus,
    money,
)

EnumT = TypeVar("EnumT", bound=IntEnum)

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


def from_record(r: NexudusRecord) -> NexudusOpportunity:
    """Return what clients see of a record."""
    source_id = str(r.id)
    return NexudusOpportunity(
        id=strawberry.ID(global_id.encode(SOURCE, source_id)),
        source=OpportunitySource.NEXUDUS,
        source_id=strawberry.ID(source_id),
        status=_STATUS.get(r.status),  # type: ignore[call-overload] # an IntEnum's value finds its member
        value=money(r.value, r.crm_board_column_crm_board_business_currency_code),
        pipeline_name=r.crm_board_column_crm_board_name,
        stage_name=r.crm_board_column_name,
        owner=OpportunityOwner(name=r.responsible_full_name, email=None) if r.responsible_full_name else None,
        customer=_customer(r),
        created_at=r.created_on,
        updated_at=r.updated_on,
        unique_id=None if r.unique_id is None else strawberry.ID(r.unique_id),
        name=r.name,
        board_column=_board_column(r),
        position=r.position,
        coworker=_coworker(r),
        team=_team(r),
        opportunity_type=_opportunity_type(r),
        responsible=_responsible(r),
        referrer_id=_id(r.referrer_id),
        agent_id=_id(r.agent_id),
        notes=r.notes,
        status_code=r.status,
        is_completed=r.completed,
        due_date=r.due_date,
        is_reminded=r.reminded,
        lead_source=_member(LeadSource, r.lead_source),
        lead_source_code=r.lead_source,
        loss_reason=_member(LossReason, r.loss_reason),
        loss_reason_code=r.loss_reason,
        won_on=r.won_on,
        lost_on=r.lost_on,
        crm_updated_on=r.crm_updated_on,
        utm=_utm(r),
        updated_by=r.updated_by,
        is_new=r.is_new,
        system_id=r.system_id,
    )


def _id(number: int | None) -> strawberry.ID | None:
    return None if number is None else strawberry.ID(str(number))


def _member(enum: type[EnumT], code: int | None) -> EnumT | None:
    """Return the enum's member; None for a code that this service does not know, which must not fail a request."""
    return enum._value2member_map_.get(code)  # type: ignore[return-value] # the map's values are members


def _customer(r: NexudusRecord) -> OpportunityCustomer | None:
    if (source_id := _id(r.coworker_id)) is None:
        return None
    return OpportunityCustomer(
        source_id=source_id, name=r.coworker_full_name, company_name=r.coworker_company_name, email=r.coworker_email
    )


def _board_column(r: NexudusRecord) -> NexudusBoardColumn | None:
    id_ = _id(r.crm_board_column_id)
    return NexudusBoardColumn(id=id_, name=r.crm_board_column_name, board=_board(r)) if id_ else None


def _board(r: NexudusRecord) -> NexudusBoard | None:
    id_ = _id(r.crm_board_column_crm_board_id)
    return NexudusBoard(id=id_, name=r.crm_board_column_crm_board_name, business=_business(r)) if id_ else None


def _business(r: NexudusRecord) -> NexudusBusiness | None:
    id_ = _id(r.crm_board_column_crm_board_business_id)
    return (
        NexudusBusiness(id=id_, name=r.crm_board_column_crm_board_business_name, currency=_currency(r)) if id_ else None
    )


def _currency(r: NexudusRecord) -> NexudusCurrency | None:
    id_ = _id(r.crm_board_column_crm_board_business_currency_id)
    return NexudusCurrency(id=id_, code=r.crm_board_column_crm_board_business_currency_code) if id_ else None


def _coworker(r: NexudusRecord) -> NexudusCoworker | None:
    if (id_ := _id(r.coworker_id)) is None:
        return None
    return NexudusCoworker(
        id=id_,
        full_name=r.coworker_full_name,
        coworker_type=r.coworker_type,
        company_name=r.coworker_company_name,
        email=r.coworker_email,
    )


def _team(r: NexudusRecord) -> NexudusTeam | None:
    if (id_ := _id(r.team_id)) is None:
        return None
    return NexudusTeam(id=id_, name=r.team_name, description=r.team_description, profile_website=r.team_profile_website)


def _opportunity_type(r: NexudusRecord) -> NexudusOpportunityType | None:
    id_ = _id(r.opportunity_type_id)
    return NexudusOpportunityType(id=id_, name=r.opportunity_type_name) if id_ else None


def _responsible(r: NexudusRecord) -> NexudusUser | None:
    id_ = _id(r.responsible_id)
    return NexudusUser(id=id_, full_name=r.responsible_full_name) if id_ else None


def _utm(r: NexudusRecord) -> NexudusUtm | None:
    values = (r.utm_source, r.utm_medium, r.utm_campaign, r.utm_content, r.utm_term)
    if all(value is None for value in values):
        return None
    source, medium, campaign, content, term = values
    return NexudusUtm(source=source, medium=medium, campaign=campaign, content=content, term=term)
