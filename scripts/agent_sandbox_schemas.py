"""Schemas of agent-sandbox's objects, reduced to the fields that our manifests and claims have.

    git clone https://github.com/kubernetes-sigs/agent-sandbox CHECKOUT
    .venv/bin/python scripts/agent_sandbox_schemas.py CHECKOUT/k8s/crds

writes tests/worlds/kube/schemas.json. The definitions are generated from theirs (Apache-2.0). What our objects have and
theirs do not know is an error here, so a new field of ours needs a new run.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from sandbox import Spec
from sandbox.kubernetes import cluster_manifests
from sandbox.kubernetes.claims import claim_body

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "tests" / "worlds" / "kube" / "schemas.json"
KEPT = ("type", "enum", "format", "minimum", "maximum", "minLength", "maxLength", "pattern", "required", "maxItems")


def reduced(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """Return what a schema says of the fields that an example has.

    Raises:
        KeyError: the example has a field that the schema does not know.
    """
    kept: dict[str, Any] = {name: schema[name] for name in KEPT if name in schema}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"], **{name: schema[name] for name in ("pattern",) if name in schema}}
    if isinstance(example, dict) and "additionalProperties" in schema:
        values = [reduced(schema["additionalProperties"], each) for each in example.values()]
        kept["additionalProperties"] = values[0] if values else True
    elif isinstance(example, dict):
        kept["properties"] = {name: reduced(schema["properties"][name], each) for name, each in example.items()}
        kept["additionalProperties"] = False
    elif isinstance(example, list) and example:
        parts = [reduced(schema["items"], each) for each in example]
        merged = parts[0]
        for part in parts[1:]:
            merged.get("properties", {}).update(part.get("properties", {}))
        kept["items"] = merged
    return kept


def main(crds: Path) -> None:
    """Read the definitions and write what is left of them."""
    examples = {
        each["kind"]: each
        for each in cluster_manifests(Spec(), namespace="n", pool="p", replicas=1, runtime_class="r", seccomp="s")
    }
    examples["SandboxClaim"] = claim_body("n", pool="p", owner="o", run="r", now=0)
    schemas = {}
    for path in sorted(crds.glob("extensions.*.yaml")):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        version = next(each for each in definition["versions"] if each["name"] == "v1beta1")
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        kind = definition["names"]["kind"]
        schemas[kind] = reduced(spec, examples[kind]["spec"])
    TARGET.write_text(json.dumps(schemas, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
