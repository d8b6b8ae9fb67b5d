"""The codes of a CrmOpportunity, and what Nexudus' pages say that they mean."""

from enum import IntEnum
from typing import Final


class Status(IntEnum):
    """Nexudus' eCrmOpportunityStatus."""

    IN_PROGRESS = 1
    WON = 2
    LOST = 3


class LeadSource(IntEnum):
    """Nexudus' eCrmOpportunitySource: how an opportunity was acquired. There is no 3."""

    WEB = 1
    PHONE = 2
    WEBINAR = 4
    REFERRAL = 5
    PRINT_ADVERT = 6
    PURCHASED_LIST = 7
    WORD_OF_MOUTH = 8
    DIRECT_EMAIL = 9
    EMAIL_MARKETING = 10
    BROKER = 11
    PROPERTY_AGENT = 12
    FACEBOOK = 13
    LINKEDIN = 14
    INSTAGRAM = 15
    TWITTER = 16
    HUBBLE_HQ = 17
    LIQUID_SPACE = 18
    GOOGLE_SEARCH = 19
    SPACE_POOL = 20
    INSTANT_OFFICES = 21
    OFFICE_FREEDOM = 22
    FLEXI_OFFICES = 23
    WORKTHERE = 24
    KONTOR = 25
    VALVE = 26
    OTHER_SOCIAL_NETWORK = 98
    OTHER = 99


class LossReason(IntEnum):
    """Nexudus' eCrmOpportunityLossReason: why an opportunity was lost."""

    TIMING = 1
    NEED = 2
    POOR_QUALIFICATION = 3
    PRICE = 4
    FEATURE = 5
    LOST_MOMENTUM = 6
    COMPETITION = 7
    CONTRACT_TERM = 8
    DUPLICATE = 9
    WAITLIST = 10
    NOT_RETURNING_CALLS = 11
    LACK_OF_FACILITIES = 12
    NO_PET_POLICY = 13
    NO_RIGHT_FIT = 14
    LOCATION = 15
    ENTRANCE = 16
    ERRORS = 17
    ARCHIVED = 18
    SEARCH_ON_HOLD = 19
    RELOCATION_ON_HOLD = 20
    OTHER = 99


COWORKER_TYPES: Final = {"1": "Individual", "2": "Company"}
"""Nexudus' eCoworkerRecordType."""

_STATUSES = frozenset(map(int, Status))
_LEAD_SOURCES = frozenset({None, *map(int, LeadSource)})
_LOSS_REASONS = frozenset({None, *map(int, LossReason)})


def unknown_codes(status: int, lead_source: int | None, loss_reason: int | None) -> list[tuple[str, str]]:
    """Return (field, code) for each code of a record that the vendor's pages do not list."""
    if status in _STATUSES and lead_source in _LEAD_SOURCES and loss_reason in _LOSS_REASONS:
        return []
    codes = (
        ("Status", _STATUSES, status),
        ("LeadSource", _LEAD_SOURCES, lead_source),
        ("LossReason", _LOSS_REASONS, loss_reason),
    )
    return [(field, str(code)) for field, known, code in codes if code not in known]
