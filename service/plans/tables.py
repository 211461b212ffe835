"""Tables of plans: who has which, what was used in a month, and which messages of payment providers came."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, String, Table, Text

from database import UtcDateTime
from service.tables import METADATA

PLAN_ACCOUNTS = Table(
    "plan_accounts",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("chosen", String(100), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)
"""Plans that an administrator gave; who that was stands in the audit."""
PLAN_SUBSCRIPTIONS = Table(
    "plan_subscriptions",
    METADATA,
    Column("provider", String(40), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("customer", String(200), nullable=False),
    Column("org", String(200), nullable=False, index=True),
    Column("plan", String(100), nullable=False),
    Column("plan_at", UtcDateTime, nullable=True),
    Column("plan_by", String(300), nullable=False),
    Column("paid_at", UtcDateTime, nullable=True),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("closed", Boolean, nullable=False),
    Column("failures", JSON, nullable=False),
    Index("plan_subscriptions_by_customer", "provider", "customer"),
)
PAYMENT_EVENTS = Table(
    "payment_events",
    METADATA,
    Column("provider", String(40), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
)
"""Messages that changed something; one that comes again changes nothing."""
PLAN_USAGE = Table(
    "plan_usage",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("runs", BigInteger, nullable=False),
)
PLAN_RESERVATIONS = Table(
    "plan_reservations",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("org", String(200), nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("until", Float, nullable=False),
    Index("plan_reservations_by_org", "org", "until"),
)
"""Tokens that are set aside for questions under way."""
PLAN_NOTICES = Table(
    "plan_notices",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("meter", String(20), primary_key=True),
    Column("level", String(10), primary_key=True),
    Column("most", BigInteger, primary_key=True, autoincrement=False),
)
"""Ends of limits that people were told of; a larger plan has others, which are told anew."""
