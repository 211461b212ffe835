"""From settings to sandboxes: what is not named may not be reached."""

import pytest

from domain import Refused
from sandbox import BACKENDS, Docker, Local, Store
from service.settings import Settings
from service.wiring.environments import credentials_of, open_environments
from service.wiring.sandboxes import backend_of, cluster_of, egress_of, spec_of, without_meaning


def ignore(_: object) -> None:
    pass


def test_nobody_is_reached_unless_named():
    assert egress_of(Settings()) is None


def test_what_is_named_is_allowed(tmp_path):
    (tmp_path / "ca.pem").write_text("certificates")
    egress = egress_of(
        Settings(
            egress_hosts=" mirror.example , files.example:8443",
            egress_private="mirror.example",
            egress_upload_mb=0.5,
            egress_env="PIP_INDEX_URL=https://mirror.example/simple?a=b, X=",
            egress_ca=tmp_path / "ca.pem",
        )
    )
    assert egress is not None
    assert egress.hosts == ("mirror.example", "files.example:8443")
    assert egress.private == ("mirror.example",)
    assert egress.upload_bytes == 1 << 19
    assert egress.env == {"PIP_INDEX_URL": "https://mirror.example/simple?a=b", "X": ""}
    assert egress.ca == "certificates"


@pytest.mark.parametrize("wrong", [{"egress_env": "no pair"}, {"egress_env": "=x"}, {"egress_ca": "/nonexistent.pem"}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(Refused) as refusal:
        egress_of(Settings(egress_hosts="mirror.example", **wrong))
    assert refusal.value.stable_code == "settings_invalid"


def test_the_backend_is_what_the_settings_say():
    assert isinstance(backend_of(Settings(), ignore), Docker)
    assert isinstance(backend_of(Settings(sandbox="unsafe-local"), ignore), Local)
    assert spec_of(Settings(sandbox_memory_mb=512, sandbox_runtime="runsc")).limits.memory_mb == 512
    assert spec_of(Settings()).runtime == "runc"
    assert spec_of(Settings(sandbox="unsafe-local", sandbox_runtime="runsc")).runtime == ""


@pytest.mark.parametrize("wrong", [{"sandbox": "podman"}, {"sandbox_runtime": "wasm"}])
def test_a_backend_or_runtime_that_there_is_not_is_refused_with_those_that_there_are(wrong):
    with pytest.raises(Refused) as refusal:
        spec_of(Settings(**wrong))
    assert refusal.value.stable_code == "settings_invalid"
    assert refusal.value.hint.count(",") >= 1


def test_settings_are_known_by_a_backend_or_named():
    """Every setting of a sandbox means something to some backend; the twin knows none of them."""
    ours = {name for name in Settings.model_fields if name.startswith(("sandbox_", "egress_", "setup_", "kubernetes_"))}
    assert frozenset().union(*(entry.settings for entry in BACKENDS.values())) == ours
    set_for_nothing = without_meaning(Settings(sandbox="unsafe-local", sandbox_cpus=1.0, egress_hosts="a.example"))
    assert set_for_nothing == ("SIGNOFF_EGRESS_HOSTS", "SIGNOFF_SANDBOX_CPUS")
    assert without_meaning(Settings(sandbox="docker", sandbox_cpus=1.0)) == ()


def test_logins_of_indexes_are_read_where_the_settings_say_and_known_to_the_redactor(tmp_path):
    (tmp_path / "login").write_text("ann:a-password-of-hers\n")
    settings = Settings(setup_credentials=f" pip.example = file:{tmp_path / 'login'} ")
    (login,) = credentials_of(settings).logins
    assert (login.host, login.login) == ("pip.example", ("ann", "a-password-of-hers"))
    assert "a-password-of-hers" in settings.secrets
    assert "a-password-of-hers" not in repr(settings)
    (tmp_path / "login").write_text("a-newer-token")
    assert credentials_of(settings).logins[0].secret == "a-newer-token"  # noqa: S105


@pytest.mark.parametrize("where", ["env:NO_SUCH_VARIABLE_OF_SIGNOFF", "file:/nowhere/login", "ann:secret", ""])
def test_a_login_that_is_not_there_is_told_without_its_value(where):
    with pytest.raises(Refused) as refusal:
        credentials_of(Settings(setup_credentials=f"pip.example={where}"))
    assert refusal.value.stable_code == "setup_credential_missing"
    assert "secret" not in refusal.value.message


def test_pods_are_claimed_where_the_settings_say(tmp_path):
    settings = Settings(
        sandbox="kubernetes",
        sandbox_runtime="gvisor",
        kubernetes_config=tmp_path / "kubeconfig",
        kubernetes_namespace="agents",
        kubernetes_pool="mine",
        kubernetes_ready_seconds=7,
    )
    cluster = cluster_of(settings)
    assert (cluster.config, cluster.namespace, cluster.pool, cluster.ready_s) == (
        tmp_path / "kubeconfig",
        "agents",
        "mine",
        7,
    )
    assert spec_of(settings).runtime == "gvisor"
    assert without_meaning(settings) == ()
    assert without_meaning(settings.model_copy(update={"sandbox": "docker"})) == (
        "SIGNOFF_KUBERNETES_CONFIG",
        "SIGNOFF_KUBERNETES_NAMESPACE",
        "SIGNOFF_KUBERNETES_POOL",
        "SIGNOFF_KUBERNETES_READY_SECONDS",
    )


def test_a_runtime_that_no_pod_has_is_refused():
    with pytest.raises(Refused, match="runtime"):
        spec_of(Settings(sandbox="kubernetes", sandbox_runtime="runsc"))


def test_pods_know_no_layers_of_environments(tmp_path):
    store = Store(tmp_path)
    settings = Settings(sandbox="kubernetes", setup_network="registries", home=tmp_path)
    assert open_environments(settings, store, spec_of(settings), ignore, ignore) is None
