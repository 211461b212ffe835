"""A cluster for tests: an API server over TLS, agent-sandbox's controllers, and a kubelet whose pods are containers.

It is no real cluster. What it does is taken from the API conventions of Kubernetes and from agent-sandbox's own source
(extensions/controllers, v1beta1): resource versions and watches with 410, conflicts, RBAC, quota, admission, adoption
of warm sandboxes, conditions and their reasons, expiry of claims, garbage collection, and the attach protocol.
"""
