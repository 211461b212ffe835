"""Forges: GitHub, GitLab and their twin behind one contract, and what they are shown."""

from forges.contract import (
    SUBJECTS,
    CommitStatus,
    Forge,
    ForgeBranch,
    ForgeComment,
    ForgeIssue,
    ForgeRepository,
    ForgeUser,
    GitAccess,
    Permission,
    PullRequest,
    PullReview,
    Reaction,
    StatusState,
    Subject,
)
from forges.deploy import DeployHooks, DeployOrder
from forges.registry import DeployEntry, ForgeAddress, ForgeEntry, Forges, ForgeSettings, load_forges
from forges.rendering import CUT, PullRequestEvidence, approval_comment, key_of, pull_request_body, quiet
from forges.twin import TwinForge

__all__ = [
    "CUT",
    "SUBJECTS",
    "CommitStatus",
    "DeployEntry",
    "DeployHooks",
    "DeployOrder",
    "Forge",
    "ForgeAddress",
    "ForgeBranch",
    "ForgeComment",
    "ForgeEntry",
    "ForgeIssue",
    "ForgeRepository",
    "ForgeSettings",
    "ForgeUser",
    "Forges",
    "GitAccess",
    "Permission",
    "PullRequest",
    "PullRequestEvidence",
    "PullReview",
    "Reaction",
    "StatusState",
    "Subject",
    "TwinForge",
    "approval_comment",
    "key_of",
    "load_forges",
    "pull_request_body",
    "quiet",
]
