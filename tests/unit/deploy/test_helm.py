"""The chart of `deploy/helm`, as Helm renders it: Kubernetes takes it, and what it names is there."""

from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
import yaml
from jsonschema.exceptions import ValidationError
from kubernetes_validate import validate

from app.broker import REDELIVERY_SECONDS
from app.config import Settings
from app.environment import data_directory
from app.main import create_app
from support.deployment import DEPLOY, check_command, no_settings

pytestmark = pytest.mark.skipif(find_spec("helm_python") is None, reason="no Helm for this machine")

CHART = DEPLOY / "helm/agent-run-log"
REQUIRED = {
    "image": {"repository": "registry.example/agent-run-log"},
    "existingSecret": "runlog",
    "signingKeysSecret": "runlog-keys",
}
ALL = REQUIRED | {
    "settings": {"RUNLOG_PUBLIC_URL": "https://runlog.example", "RUNLOG_AUDIT_INTERVAL": 60},
    "schema": {"existingSecret": "runlog-owner"},
    "public": {"enabled": True, "existingSecret": "runlog-pages"},
    "imagePullSecrets": [{"name": "registry"}],
    "networkPolicy": {
        "enabled": True,
        "apiFrom": [{"namespaceSelector": {}}],
        "publicFrom": [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
        "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
    },
}
# The oldest version of Kubernetes that the chart says it runs on, and the newest that is known here.
KUBERNETES = ("1.29", "1.37")


@cache
def helm() -> ModuleType:
    """Helm's engine: it starts threads when it is imported, which the workers' copies of it would lack."""
    return import_module("helm_python")


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that an installation with these values makes, hooks included."""
    with helm().Chart.load(CHART) as chart:
        texts = chart.render(values, name="log", namespace="ops")
    return [
        each
        for name, text in texts.items()
        if name.endswith(".yaml")
        for each in yaml.safe_load_all(text)
        if each is not None
    ]


@cache
def everything() -> list[dict[str, Any]]:
    """What an installation with all options makes."""
    return rendered(ALL)


def component(thing: dict[str, Any]) -> str:
    """Which process of the product an object is of."""
    name: str = thing["metadata"]["labels"]["app.kubernetes.io/component"]
    return name


def pods() -> dict[str, dict[str, Any]]:
    """The specification of each pod, by its component."""
    return {
        component(each): each["spec"]["template"]["spec"]
        for each in everything()
        if "template" in each["spec"]
    }


def container(name: str) -> dict[str, Any]:
    """The only container of a component."""
    (found,) = pods()[name]["containers"]
    return dict(found)


@pytest.mark.parametrize("release", KUBERNETES)
@pytest.mark.parametrize("values", [REQUIRED, ALL], ids=["required", "all"])
def test_kubernetes_takes_what_helm_renders(values: dict[str, Any], release: str) -> None:
    for each in rendered(values):
        validate(each, release, strict=True)


@pytest.mark.parametrize("values", [REQUIRED, ALL], ids=["required", "all"])
def test_helm_finds_nothing_to_warn_of(values: dict[str, Any]) -> None:
    report = helm().lint(CHART, values, strict=True)
    warnings = [each for each in report["messages"] if each["severity"] > 1]
    assert (report["errors"], warnings) == ([], [])


@pytest.mark.parametrize(
    "wrong", [{"api": {"replica": 3}}, {"worker": {"concurrency": 0}}, {"settings": {"PATH": "/"}}]
)
def test_a_value_that_does_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with helm().Chart.load(CHART) as chart:
        chart.validate_schema(REQUIRED)
        with pytest.raises(helm().HelmError):
            chart.validate_schema(REQUIRED | wrong)


def test_it_installs_the_version_that_it_comes_with() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == version("agent-run-log")


@pytest.mark.parametrize("missing", REQUIRED)
def test_it_says_what_is_missing(missing: str) -> None:
    values = {name: value for name, value in REQUIRED.items() if name != missing}
    with pytest.raises(helm().HelmError, match=missing):
        rendered(values)


def test_the_checks_of_kubernetes_find_a_misspelt_field() -> None:
    wrong = yaml.safe_load(yaml.safe_dump(everything()[0]))
    wrong["spec"]["templat"] = {}
    with pytest.raises(ValidationError):
        validate(wrong, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("name", ["schema", "api", "public", "worker", "beat"])
def test_a_pod_runs_a_command_of_the_product_without_rights(name: str) -> None:
    found = container(name)
    check_command(found["args"])
    assert no_settings([each["name"] for each in found["env"]]) == []
    assert pods()[name]["securityContext"]["runAsNonRoot"] is True
    limits = found["securityContext"]
    assert limits["readOnlyRootFilesystem"] is True
    assert (limits["allowPrivilegeEscalation"], limits["capabilities"]) == (False, {"drop": ["ALL"]})


@pytest.mark.parametrize("name", ["schema", "api", "public", "worker", "beat"])
def test_a_pod_may_write_where_the_product_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = container(name)
    for each in found["env"]:
        monkeypatch.setenv(each["name"], each["value"])
    writable = {each["mountPath"] for each in found["volumeMounts"] if not each.get("readOnly")}
    assert writable == {str(data_directory()), "/tmp"}  # noqa: S108  # as the product's own temporary files


def test_secrets_are_named_and_never_made() -> None:
    assert {each["kind"] for each in everything()}.isdisjoint({"Secret", "ConfigMap"})
    named = {name: [each["secretRef"]["name"] for each in container(name)["envFrom"]] for name in pods()}
    assert named == {
        "schema": ["runlog", "runlog-owner"],
        "api": ["runlog"],
        "public": ["runlog-pages"],
        "worker": ["runlog"],
        "beat": ["runlog"],
    }


def test_only_a_worker_has_the_keys_that_sign() -> None:
    assert [name for name, pod in pods().items() if len(pod["volumes"]) > 2] == ["worker"]
    (path,) = [
        each["value"] for each in container("worker")["env"] if each["name"] == "RUNLOG_SIGNING_KEY_FILE"
    ]
    (mount,) = [each["mountPath"] for each in container("worker")["volumeMounts"] if each.get("readOnly")]
    (volume,) = [each["secret"] for each in pods()["worker"]["volumes"] if "secret" in each]
    assert path == f"{mount}/{volume['items'][0]['path']}"


def test_probes_ask_paths_of_the_product_at_its_ports() -> None:
    options = {"http": "--port", "metrics": "--metrics-port"}
    paths = set(create_app(Settings()).openapi()["paths"])
    for name in ("api", "public", "worker", "beat"):
        found = container(name)
        ports = {each["name"]: str(each["containerPort"]) for each in found["ports"]}
        assert ports == {
            port: found["args"][found["args"].index(option) + 1]
            for port, option in options.items()
            if option in found["args"]
        }
        asked = [probe["httpGet"] for kind, probe in found.items() if kind.endswith("Probe")]
        assert {each["path"] for each in asked} <= paths
        assert {each["port"] for each in asked} == {found["ports"][0]["name"]}
    assert container("api")["readinessProbe"]["httpGet"]["path"] == "/readyz/ingest"


def test_a_network_policy_opens_the_ports_of_its_pod_alone() -> None:
    policies = {
        component(each): each["spec"]["ingress"] for each in everything() if each["kind"] == "NetworkPolicy"
    }
    opened = {
        name: {port["port"] for rule in rules for port in rule["ports"]} for name, rules in policies.items()
    }
    assert opened == {name: {each["name"] for each in container(name)["ports"]} for name in policies}
    assert set(policies) == {"api", "public", "worker", "beat"}


def test_the_tables_come_before_the_processes_and_beat_is_alone() -> None:
    (job,) = [each for each in everything() if each["kind"] == "Job"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    deployments = {component(each): each["spec"] for each in everything() if each["kind"] == "Deployment"}
    assert (deployments["beat"]["replicas"], deployments["beat"]["strategy"]) == (1, {"type": "Recreate"})
    assert pods()["worker"]["terminationGracePeriodSeconds"] == REDELIVERY_SECONDS


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_what_selects_pods_finds_those_of_its_component(kind: str) -> None:
    labels = {
        component(each): each["spec"]["template"]["metadata"]["labels"]
        for each in everything()
        if each["kind"] == "Deployment"
    }
    found = [each for each in everything() if each["kind"] == kind]
    assert found
    for each in found:
        selector = each["spec"].get("selector", each["spec"].get("podSelector"))
        selector = selector.get("matchLabels", selector)
        assert [name for name, own in labels.items() if selector.items() <= own.items()] == [component(each)]
