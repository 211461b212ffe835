"""Sandboxes in pods of a Kubernetes cluster, claimed from warm pools of agent-sandbox."""

from sandbox.kubernetes.manifests import cluster_manifests

__all__ = ["cluster_manifests"]
