"""The objects that a `NexudusOpportunity` is unfolded into."""

from enum import IntEnum

import strawberry

from engine.mapping import IdMapping
from resolvers.nexudus.codes import LeadSource, LossReason
from schema.mapped_type import ANY_FIELD, mapped, mapped_type


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


@mapped_type(
    description="The currency of a Nexudus business.", present="crm_board_column_crm_board_business_currency_id"
)
class NexudusCurrency:
    """A currency."""

    id: strawberry.ID = mapped(
        IdMapping("crm_board_column_crm_board_business_currency_id"), description="Nexudus' id of the currency."
    )
    code: str | None = mapped("crm_board_column_crm_board_business_currency_code", description="ISO 4217 code.")


@mapped_type(
    description="A Nexudus business: one location of the operator.", present="crm_board_column_crm_board_business_id"
)
class NexudusBusiness:
    """A business."""

    id: strawberry.ID = mapped(
        IdMapping("crm_board_column_crm_board_business_id"), description="Nexudus' id of the business."
    )
    name: str | None = mapped("crm_board_column_crm_board_business_name", description="Name of the business.")
    currency: NexudusCurrency | None = mapped(NexudusCurrency, description="The currency the business works in.")


@mapped_type(
    description="A Nexudus CRM board: a pipeline that deals move through.", present="crm_board_column_crm_board_id"
)
class NexudusBoard:
    """A board."""

    id: strawberry.ID = mapped(IdMapping("crm_board_column_crm_board_id"), description="Nexudus' id of the board.")
    name: str | None = mapped("crm_board_column_crm_board_name", description="Name of the board.")
    business: NexudusBusiness | None = mapped(NexudusBusiness, description="The business that the board belongs to.")


@mapped_type(description="A column of a Nexudus CRM board: a stage of the pipeline.", present="crm_board_column_id")
class NexudusBoardColumn:
    """A board column."""

    id: strawberry.ID = mapped(IdMapping("crm_board_column_id"), description="Nexudus' id of the column.")
    name: str | None = mapped("crm_board_column_name", description="Name of the column.")
    board: NexudusBoard | None = mapped(NexudusBoard, description="The board that the column is on.")


@mapped_type(description="A Nexudus coworker: the record of a customer.", present="coworker_id")
class NexudusCoworker:
    """A coworker."""

    id: strawberry.ID = mapped(IdMapping("coworker_id"), description="Nexudus' id of the customer.")
    full_name: str | None = mapped("coworker_full_name", description="Full name of the customer.", personal=True)
    coworker_type: str | None = mapped(
        "coworker_type", description="Nexudus' record type of the customer: `Individual` or `Company`."
    )
    company_name: str | None = mapped("coworker_company_name", description="Company of the customer.")
    email: str | None = mapped("coworker_email", description="Email address of the customer.", personal=True)


@mapped_type(description="A Nexudus team of coworkers.", present="team_id")
class NexudusTeam:
    """A team."""

    id: strawberry.ID = mapped(IdMapping("team_id"), description="Nexudus' id of the team.")
    name: str | None = mapped("team_name", description="Name of the team.")
    description: str | None = mapped("team_description", description="Description of the team.", personal=True)
    profile_website: str | None = mapped("team_profile_website", description="Web site on the team's profile.")


@mapped_type(
    description="A Nexudus opportunity type: a category with a template for notes.", present="opportunity_type_id"
)
class NexudusOpportunityType:
    """An opportunity type."""

    id: strawberry.ID = mapped(IdMapping("opportunity_type_id"), description="Nexudus' id of the type.")
    name: str | None = mapped("opportunity_type_name", description="Name of the type.")


@mapped_type(description="An admin user of Nexudus.", present="responsible_id")
class NexudusUser:
    """An admin user."""

    id: strawberry.ID = mapped(IdMapping("responsible_id"), description="Nexudus' id of the user.")
    full_name: str | None = mapped("responsible_full_name", description="Full name of the user.", personal=True)


@mapped_type(description="Campaign parameters of the URL that an opportunity came through.", present=ANY_FIELD)
class NexudusUtm:
    """UTM parameters."""

    source: str | None = mapped("utm_source", description="`utm_source`.")
    medium: str | None = mapped("utm_medium", description="`utm_medium`.")
    campaign: str | None = mapped("utm_campaign", description="`utm_campaign`.")
    content: str | None = mapped("utm_content", description="`utm_content`.")
    term: str | None = mapped("utm_term", description="`utm_term`.")
