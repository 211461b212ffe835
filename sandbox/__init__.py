"""A sealed place to run commands in, and the files that survive it."""

from sandbox.backends import BACKENDS, BackendOptions, backend_named
from sandbox.contract import REPO, Backend, Check, Heard, Limits, Sandbox, Spec
from sandbox.docker.backend import Docker
from sandbox.egress.policy import Egress, EgressRecord
from sandbox.egress.proxy import Witness
from sandbox.local.backend import Local
from sandbox.pool import Pool
from sandbox.requirements import is_manifest, requirements
from sandbox.revisions import Delivered, Pinned, Snapshot
from sandbox.self_check import checkup
from sandbox.workspace.deliverable import Deliverable
from sandbox.workspace.delivery import Delivery
from sandbox.workspace.recent_changes import recent_changes
from sandbox.workspace.store import Store
from sandbox.workspace.submodules import bring
from sandbox.workspace.texts import Texts
from sandbox.workspace.workspace import Workspace
from sandbox.workspace.workspaces import Workspaces

__all__ = [
    "BACKENDS",
    "REPO",
    "Backend",
    "BackendOptions",
    "Check",
    "Deliverable",
    "Delivered",
    "Delivery",
    "Docker",
    "Egress",
    "EgressRecord",
    "Heard",
    "Limits",
    "Local",
    "Pinned",
    "Pool",
    "Sandbox",
    "Snapshot",
    "Spec",
    "Store",
    "Texts",
    "Witness",
    "Workspace",
    "Workspaces",
    "backend_named",
    "bring",
    "checkup",
    "is_manifest",
    "recent_changes",
    "requirements",
]
