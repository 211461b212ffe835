"""Sandboxes in pods of a Kubernetes cluster, claimed from warm pools of agent-sandbox."""

from sandbox.backends import Cluster
from sandbox.kubernetes.manifests import cluster_manifests

__all__ = ["Cluster", "cluster_manifests"]
