"""Secrets and people's data that are planted, to be looked for where they must not be."""

from simulator import Simulator

PASSWORD = "CANARY-password-7c1f"
API_KEY = "CANARY-api-key-93ab"
CALLER_KEY = "CANARY-caller-key-5d2e"
EMAIL = "canary-person@example.com"
NOTES = "CANARY-notes-e04c"
VARIABLE = "CANARY-variable-61d9"
UPSTREAM = "CANARY-upstream-b8f0"
URL_PART = "crmopportunities"


def planted() -> Simulator:
    """Return a simulator whose credentials and records hold canaries."""
    simulator = Simulator()
    simulator.nexudus.password = PASSWORD
    simulator.chartmogul.api_key = API_KEY
    for record in simulator.nexudus.records.values():
        record.update({"CoworkerEmail": EMAIL, "UpdatedBy": EMAIL, "Notes": NOTES, "CoworkerFullName": EMAIL})
    for record in simulator.chartmogul.records.values():
        record.update({"owner": EMAIL, "custom": {"note": NOTES}})
    return simulator
