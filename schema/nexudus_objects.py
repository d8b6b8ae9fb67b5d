"""The objects that a `NexudusOpportunity` is unfolded into, and where the fields of each come from."""

from enum import IntEnum

import strawberry

from engine.mapping import IdMapping, ObjectMapping
from resolvers.nexudus.record import LeadSource, LossReason
from schema.access import PERSONAL


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


CURRENCY = ObjectMapping(
    NexudusCurrency,
    {
        "id": IdMapping("crm_board_column_crm_board_business_currency_id"),
        "code": "crm_board_column_crm_board_business_currency_code",
    },
    "crm_board_column_crm_board_business_currency_id",
)


@strawberry.type(description="A Nexudus business: one location of the operator.")
class NexudusBusiness:
    """A business."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the business.")
    name: str | None = strawberry.field(description="Name of the business.")
    currency: NexudusCurrency | None = strawberry.field(description="The currency the business works in.")


BUSINESS = ObjectMapping(
    NexudusBusiness,
    {
        "id": IdMapping("crm_board_column_crm_board_business_id"),
        "name": "crm_board_column_crm_board_business_name",
        "currency": CURRENCY,
    },
    "crm_board_column_crm_board_business_id",
)


@strawberry.type(description="A Nexudus CRM board: a pipeline that deals move through.")
class NexudusBoard:
    """A board."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the board.")
    name: str | None = strawberry.field(description="Name of the board.")
    business: NexudusBusiness | None = strawberry.field(description="The business that the board belongs to.")


BOARD = ObjectMapping(
    NexudusBoard,
    {
        "id": IdMapping("crm_board_column_crm_board_id"),
        "name": "crm_board_column_crm_board_name",
        "business": BUSINESS,
    },
    "crm_board_column_crm_board_id",
)


@strawberry.type(description="A column of a Nexudus CRM board: a stage of the pipeline.")
class NexudusBoardColumn:
    """A board column."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the column.")
    name: str | None = strawberry.field(description="Name of the column.")
    board: NexudusBoard | None = strawberry.field(description="The board that the column is on.")


BOARD_COLUMN = ObjectMapping(
    NexudusBoardColumn,
    {"id": IdMapping("crm_board_column_id"), "name": "crm_board_column_name", "board": BOARD},
    "crm_board_column_id",
)


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


COWORKER = ObjectMapping(
    NexudusCoworker,
    {
        "id": IdMapping("coworker_id"),
        "full_name": "coworker_full_name",
        "coworker_type": "coworker_type",
        "company_name": "coworker_company_name",
        "email": "coworker_email",
    },
    "coworker_id",
)


@strawberry.type(description="A Nexudus team of coworkers.")
class NexudusTeam:
    """A team."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the team.")
    name: str | None = strawberry.field(description="Name of the team.")
    description: str | None = strawberry.federation.field(tags=[PERSONAL], description="Description of the team.")
    profile_website: str | None = strawberry.field(description="Web site on the team's profile.")


TEAM = ObjectMapping(
    NexudusTeam,
    {
        "id": IdMapping("team_id"),
        "name": "team_name",
        "description": "team_description",
        "profile_website": "team_profile_website",
    },
    "team_id",
)


@strawberry.type(description="A Nexudus opportunity type: a category with a template for notes.")
class NexudusOpportunityType:
    """An opportunity type."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the type.")
    name: str | None = strawberry.field(description="Name of the type.")


OPPORTUNITY_TYPE = ObjectMapping(
    NexudusOpportunityType,
    {"id": IdMapping("opportunity_type_id"), "name": "opportunity_type_name"},
    "opportunity_type_id",
)


@strawberry.type(description="An admin user of Nexudus.")
class NexudusUser:
    """An admin user."""

    id: strawberry.ID = strawberry.field(description="Nexudus' id of the user.")
    full_name: str | None = strawberry.federation.field(tags=[PERSONAL], description="Full name of the user.")


RESPONSIBLE = ObjectMapping(
    NexudusUser, {"id": IdMapping("responsible_id"), "full_name": "responsible_full_name"}, "responsible_id"
)


@strawberry.type(description="Campaign parameters of the URL that an opportunity came through.")
class NexudusUtm:
    """UTM parameters."""

    source: str | None = strawberry.field(description="`utm_source`.")
    medium: str | None = strawberry.field(description="`utm_medium`.")
    campaign: str | None = strawberry.field(description="`utm_campaign`.")
    content: str | None = strawberry.field(description="`utm_content`.")
    term: str | None = strawberry.field(description="`utm_term`.")


UTM = ObjectMapping(
    NexudusUtm,
    {
        "source": "utm_source",
        "medium": "utm_medium",
        "campaign": "utm_campaign",
        "content": "utm_content",
        "term": "utm_term",
    },
    ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
)
