"""A sealed place to run commands in, and the files that survive it."""

from sandbox.checkup import checkup
from sandbox.contract import REPO, Backend, Check, Heard, Limits, Sandbox, Spec
from sandbox.deliverable import Deliverable
from sandbox.delivery import Delivery
from sandbox.docker import Docker
from sandbox.egress import Egress, Passage
from sandbox.hunks import lately
from sandbox.local import Local
from sandbox.pool import Pool
from sandbox.requirements import is_manifest, requirements
from sandbox.revisions import Changed, Delivered, Pinned, Snapshot
from sandbox.store import Store
from sandbox.submodules import Submodule, bring
from sandbox.texts import Texts
from sandbox.workspace import Workspace
from sandbox.workspaces import Workspaces

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
    "lately",
    "requirements",
]
