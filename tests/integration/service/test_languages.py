"""Projects of Go, Rust and Java with a dependency: downloaded in the set-up, tested without a network.

Their registries are local ones. Maven's is the offline repository of Debian (``libsurefire-java`` and what it needs),
unpacked into a cache; where an image or that folder is not there, its test is left out.
"""

import subprocess
from pathlib import Path

import pytest

from sandbox import Docker, Workspaces
from service.wiring.environments import SetupBackend
from tests.worlds.house import application, repository
from tests.worlds.language_registries import HOST, MODULE, go_sum, language_registries
from tests.worlds.package_index import PackageIndex, loopback

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

MAVEN = Path.home() / ".cache" / "signoff" / "maven-repo"
GO = {
    "go.mod": f"module shop\n\ngo 1.19\n\nrequire {MODULE} v1.0.0\n",
    "go.sum": go_sum(),
    "shop.go": f'package shop\n\nimport "{MODULE}"\n\nfunc Say() string {{ return greeting.Hello() }}\n',
    "shop_test.go": 'package shop\n\nimport "testing"\n\nfunc TestSay(t *testing.T) {\n\tif Say() != "hello" {\n'
    "\t\tt.Fatal(Say())\n\t}\n}\n",
}
RUST = {
    "Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\ngreeting = "1"\n',
    "src/lib.rs": "pub fn say() -> &'static str {\n    greeting::hello()\n}\n\n#[test]\nfn says() {\n"
    '    assert_eq!(say(), "hello");\n}\n',
}
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>shop</groupId><artifactId>shop</artifactId><version>1.0</version>
<properties><maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<repositories><repository><id>central</id><url>REPO</url></repository></repositories>
<pluginRepositories><pluginRepository><id>central</id><url>REPO</url></pluginRepository></pluginRepositories>
<dependencies><dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.13.2</version>
<scope>test</scope></dependency></dependencies>
<build><plugins><plugin><artifactId>maven-compiler-plugin</artifactId><version>3.10.1</version></plugin>
<plugin><artifactId>maven-surefire-plugin</artifactId><version>2.22.3</version></plugin>
<plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.0</version></plugin></plugins></build></project>
"""
JAVA = {
    "src/main/java/shop/Price.java": "package shop;\n\npublic class Price {\n"
    "    public static int total(int a, int b) { return a + b; }\n}\n",
    "src/test/java/shop/PriceTest.java": "package shop;\n\nimport org.junit.Assert;\nimport org.junit.Test;\n\n"
    "public class PriceTest {\n    @Test public void total() { Assert.assertEquals(3, Price.total(1, 2)); }\n}\n",
}


def project(language: str, index: PackageIndex) -> dict[str, str]:
    if language == "go":
        return GO
    if language == "rust":
        source = f'[source.here]\nregistry = "sparse+https://{index.address}/crates/"\n'
        return {**RUST, ".cargo/config.toml": f'[source.crates-io]\nreplace-with = "here"\n{source}'}
    return {**JAVA, "pom.xml": POM.replace("REPO", f"https://{index.address}/maven")}


def has_image(name: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", name], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("language", "command"),
    [("go", "go test ./..."), ("rust", "cargo test --quiet"), ("java", "mvn --batch-mode test")],
)
async def test_a_project_with_a_dependency_is_set_up_and_tested_offline(tmp_path, language, command):
    image = f"signoff-sandbox-{language}:latest"
    if not has_image(image) or (language == "java" and not MAVEN.is_dir()):
        pytest.skip(f"{image} or its registry is not here (docs/sandbox.md)")
    with language_registries(tmp_path, MAVEN) as index:
        (tmp_path / "ca.pem").write_text(index.certificate)
        given = {
            "sandbox": "docker",
            "sandbox_image": image,
            "setup_network": "hosts",
            "egress_hosts": index.address,
            "egress_private": HOST,
            "egress_ca": tmp_path / "ca.pem",
            "egress_env": f"GOPROXY=https://{index.address}/go,GONOSUMDB=*",
        }
        async with application(tmp_path, **given) as opened:
            environments, store = opened.environments, opened.store
            assert environments is not None
            assert isinstance(environments._backend, SetupBackend)
            environments._backend.sealed = Docker(resolve=loopback)
            pinned = await store.pin("run", str(repository(tmp_path / "shop", project(language, index))))
            recipe = await environments.recipe("run", pinned, await store.files("run", pinned.tree))
            made = await environments.prepare("run", pinned, recipe)
            workspaces = Workspaces(opened.backend, store, opened.spec)
            try:
                assert (made.code, made.collected) == ("", True), made
                ran = await workspaces.verify("run", pinned.tree, command, timeout_s=180)
                assert ran.ok, ran
            finally:
                await workspaces.close()
                await opened.pool.close()
                await environments._layers.remove([made.key])
        assert index.asked
