"""A sealed place to run commands in, and the files that survive it."""

from sandbox.contract import REPO, Backend, Check, Heard, Limits, Sandbox, Spec
from sandbox.docker.backend import Docker
from sandbox.docker.self_check import checkup
from sandbox.egress.policy import Egress, Passage
from sandbox.local.backend import Local
from sandbox.pool import Pool
from sandbox.requirements import is_manifest, requirements
from sandbox.revisions import Changed, Delivered, Pinned, Snapshot
from sandbox.workspace.deliverable import Deliverable
from sandbox.workspace.delivery import Delivery
from sandbox.workspace.recent_changes import recent_changes
from sandbox.workspace.store import Store
from sandbox.workspace.submodules import Submodule, bring
from sandbox.workspace.texts import Texts
from sandbox.workspace.workspace import Workspace
from sandbox.workspace.workspaces import Workspaces

__all__ = [
    "REPO",
    "Backend",
    "Changed",
    "Check",
    "Deliverable",
    "Delivered",
    "Delivery",
    "Docker",
    "Egress",
    "Heard",
    "Limits",
    "Local",
    "Passage",
    "Pinned",
    "Pool",
    "Sandbox",
    "Snapshot",
    "Spec",
    "Store",
    "Submodule",
    "Texts",
    "Workspace",
    "Workspaces",
    "bring",
    "checkup",
    "is_manifest",
    "recent_changes",
    "requirements",
]
