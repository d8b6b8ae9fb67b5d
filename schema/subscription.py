"""The root fields of subscriptions."""

from strawberry.tools import create_type

from schema.deals.change_events import opportunity_changes

Subscription = create_type(
    "Subscription",
    [opportunity_changes],
    description="What happens to sales opportunities, as streams of server-sent events.",
)
