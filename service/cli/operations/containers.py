"""``signoff sandbox list``, ``sweep``, ``manifests``: sandboxes on this machine, and what a cluster needs for them."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import typer
import yaml
from rich.table import Table

from domain import Refused
from sandbox import Docker
from sandbox.kubernetes import cluster_manifests
from service import report
from service.cli.sandbox import app
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.settings import read_settings
from service.wiring.sandboxes import docker_of, spec_of


def engine() -> Docker:
    """The engine of the settings. Raises ``setup_unsupported`` where sandboxes are no containers."""
    settings = read_settings()
    if (docker := docker_of(settings)) is None:
        why = f"The sandboxes of {settings.sandbox} are no containers."
        raise Refused(why, code="setup_unsupported", hint="Use Docker: SIGNOFF_SANDBOX=docker")
    return docker


@app.command("list")
def list_containers(as_json: Annotated[bool, JSON] = False) -> None:
    """List the containers of sandboxes on this machine: whose they are, for which run, since when.

    `abandoned` is one whose process is gone; `sweep` removes those. `others` belong to a process that lives, or to one
    that cannot be seen from here (in a container of its own, say).

    Example:
      signoff sandbox list
    """
    containers = run_async(lambda: engine().held(), as_json=as_json)
    if as_json:
        print_json([report.plain(each) for each in containers])
        return
    rows = Table("container", "run", "state", "minutes", "whose", box=None)
    for each in containers:
        rows.add_row(each.name, each.run or "(kept ready)", each.state, f"{each.age_s / 60:.0f}", each.owner)
    out().print(rows if containers else "There are no containers of sandboxes.")


@app.command()
def sweep(
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", min=0, help="Minutes; also removes those of others that are older."),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Remove containers of sandboxes that nobody owns any more. A run whose container is removed goes on in another.

    Examples:
      signoff sandbox sweep

      signoff sandbox sweep --older-than 120
    """

    async def work() -> Sequence[Any]:
        docker = engine()
        old = float("inf") if older_than is None else older_than * 60
        leaked = [each for each in await docker.held() if each.owner == "abandoned" or each.age_s > old]
        await docker.release([each.name for each in leaked])
        return leaked

    removed = run_async(work, as_json=as_json)
    if as_json:
        print_json([report.plain(each) for each in removed])
        return
    out().print(*(each.name for each in removed), sep="\n", highlight=False)
    out().print(f"{len(removed)} removed", highlight=False)


@app.command()
def manifests(
    account: Annotated[str, typer.Option(help="Service account that Signoff runs as.")] = "signoff",
    account_namespace: Annotated[str, typer.Option(help="Its namespace; empty: that of the sandboxes.")] = "",
    runtime_class: Annotated[str, typer.Option(help="RuntimeClass of the pods: gvisor, kata-qemu …")] = "",
    seccomp: Annotated[str, typer.Option(help="Where nodes have our seccomp profile; empty: the runtime's own.")] = "",
) -> None:
    """Print what a Kubernetes cluster needs for SIGNOFF_SANDBOX=kubernetes: namespace, rights, template, warm pool.

    Image, memory and CPUs are those of the settings, the size of the pool is SIGNOFF_SANDBOX_WARM.
    agent-sandbox with its extensions has to be installed first.

    Example:
      SIGNOFF_SANDBOX_IMAGE=registry.example/signoff-sandbox:1 signoff sandbox manifests | kubectl apply -f -
    """
    settings = read_settings()
    objects = cluster_manifests(
        # Whatever the backend is now: the limits are those of every sandbox.
        spec_of(settings.model_copy(update={"sandbox": "kubernetes", "sandbox_runtime": ""})),
        namespace=settings.kubernetes_namespace or "signoff-sandboxes",
        pool=settings.kubernetes_pool,
        replicas=settings.sandbox_warm,
        account=account,
        account_namespace=account_namespace,
        runtime_class=runtime_class,
        seccomp=seccomp,
    )
    text = yaml.dump_all(objects, Dumper=BlockDumper, sort_keys=False, explicit_start=True, width=120)
    out().file.write(text)


class BlockDumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and nothing twice by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        """See ``yaml.SafeDumper``."""
        del data
        return True

    def block(self, text: str) -> yaml.ScalarNode:
        """Represent a text."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    yaml_representers: ClassVar[dict[Any, Any]] = {**yaml.SafeDumper.yaml_representers, str: block}
