"""Routing: which model is asked for a question, by catalogue, strategy, policy, entitlement, health and budget."""

from models.policy import FILE as POLICY_FILE
from models.policy import CallLimits, HeldEntitlement, ModelPolicy, parse_policy
from models.routing.catalogue import (
    KIND_OF,
    Catalogue,
    ModelCard,
    ProviderOrder,
    Strategy,
    load_catalogue,
    providers_for,
)
from models.routing.endpoints import ClientOptions, EndpointRegistry, EndpointSettings, FixedModels, ModelRegistry
from models.routing.routed import ModelRouter
from models.routing.router import Route, RouteRequest, route, tier_for

__all__ = [
    "KIND_OF",
    "POLICY_FILE",
    "CallLimits",
    "Catalogue",
    "ClientOptions",
    "EndpointRegistry",
    "EndpointSettings",
    "FixedModels",
    "HeldEntitlement",
    "ModelCard",
    "ModelPolicy",
    "ModelRegistry",
    "ModelRouter",
    "ProviderOrder",
    "Route",
    "RouteRequest",
    "Strategy",
    "load_catalogue",
    "parse_policy",
    "providers_for",
    "route",
    "tier_for",
]
