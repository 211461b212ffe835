"""Projects in JavaScript, Go, Rust and on the JVM, and what make prepares: how each fetches what it needs. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.text import json_value
from sandbox.environments.recipe import SetupStep, quoted
from sandbox.inside import shell_script
from sandbox.inside.environment import ROOT

NODE_FILES = (
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "yarn.lock",
    ".yarnrc.yml",
    ".npmrc",
    ".nvmrc",
)
OTHER_FILES = (
    "go.mod",
    "go.sum",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    "gradle.lockfile",
    "Makefile",
)
_NODE = f"{ROOT}/node"
_WORD = re.compile(r"^(?:[A-Z_][A-Z0-9_]*=\S* +)*(?:cross-env +(?:[A-Z_]+=\S* +)*)?(?:npx +)?([\w@][\w./@-]{0,80})")
_VERSION = re.compile(r"(npm|pnpm|yarn)@(\d{1,3}(?:\.\d{1,4}){0,2})")
_JUNIT = re.compile(
    r"(?:^|/)src/test/java/(?:[\w.-]{1,100}/){0,20}(?:Test\w{1,100}|\w{1,100}Tests?|\w{1,100}TestCase)\.java$"
)
_PREPARING = re.compile(r"^(deps|dependencies|bootstrap|install-deps|install-dev|setup)[ \t]*:(?!=)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LanguageSetup:
    """What one language needs."""

    name: str
    programs: tuple[str, ...]
    steps: tuple[SetupStep, ...]
    check: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()
    declared: tuple[str, ...] = field(default=())


def node(texts: Mapping[str, str], paths: Sequence[str]) -> LanguageSetup | None:
    """npm, pnpm or yarn, by the lock file; None where there is no ``package.json`` that asks for something."""
    package = _package(texts.get("package.json", ""))
    named = [
        name
        for key in ("dependencies", "devDependencies", "optionalDependencies")
        if isinstance(table := package.get(key), dict)
        for name in table
    ]
    if not named and "workspaces" not in package and "pnpm-workspace.yaml" not in paths:
        return None
    asked = _VERSION.match(str(package.get("packageManager", "")))
    if "pnpm-lock.yaml" in paths:
        tool = "pnpm" + (f"@{asked[2]}" if asked and asked[1] == "pnpm" else "")
        commands, lock = (
            ("pnpm install --frozen-lockfile --loglevel=error", "pnpm install --loglevel=error"),
            "pnpm-lock.yaml",
        )
    elif "yarn.lock" in paths:
        berry = ".yarnrc.yml" in paths or (asked is not None and asked[1] == "yarn" and not asked[2].startswith("1"))
        tool, lock = ("@yarnpkg/cli-dist" if berry else "yarn@1"), "yarn.lock"
        # Its own default is another name for npm's registry, which need not be one that may be reached.
        own = ""
        if berry:
            # The new one does not read HTTPS_PROXY, but has names of its own for everything.
            own = 'YARN_HTTP_PROXY="${HTTP_PROXY:-}" YARN_HTTPS_PROXY="${HTTPS_PROXY:-}" '
            own += 'YARN_NPM_REGISTRY_SERVER="$(npm config get registry)" YARN_ENABLE_TELEMETRY=0 '
        told = "" if berry else ' --registry "$(npm config get registry)"'
        words = "--immutable" if berry else "--frozen-lockfile --silent"
        commands = (f"{own}yarn install {words}{told}", f"{own}yarn install{' --no-immutable' if berry else told}")
    else:
        tool, lock = "", next((name for name in NODE_FILES[1:3] if name in paths), "")
        commands = ("npm ci --no-audit --no-fund --loglevel=error",) if lock else ()
        commands = (*commands, "npm install --no-audit --no-fund --no-save --loglevel=error")
    steps: list[SetupStep] = []
    if tool:
        install = f"npm install --global --loglevel=error --prefix {_NODE} {quoted([tool])}"
        steps.append(SetupStep(title=f"Install {tool}", commands=(install,), reason=lock))
    steps.append(SetupStep(title="Install the packages of Node", commands=commands, reason=lock or "package.json"))
    script = package.get("scripts", {}) if isinstance(package.get("scripts"), dict) else {}
    word = _WORD.match(str(script.get("test", "")).strip())
    check = (
        f"[ -e node_modules/.bin/{word[1]} ] || command -v {word[1]}" if word and "no test" not in str(script) else ""
    )
    return LanguageSetup(
        name="node",
        programs=("node", "npm"),
        steps=tuple(steps),
        check=check,
        path=("node/bin",) if tool else (),
        declared=tuple(sorted(map(str, named))),
    )


def go(texts: Mapping[str, str], _: Sequence[str]) -> LanguageSetup | None:
    """The modules of ``go.mod``."""
    if "go.mod" not in texts:
        return None
    cache = f"GOMODCACHE={ROOT}/go GOFLAGS=-modcacherw"
    return LanguageSetup(
        name="go",
        programs=("go",),
        steps=(SetupStep(title="Download Go modules", commands=(f"{cache} go mod download all",), reason="go.mod"),),
        check="go list -deps -test ./... >/dev/null",  # what tests import is there; nothing is compiled for it
        variables=(("GOMODCACHE", f"{ROOT}/go"), ("GOPROXY", "off"), ("GOTOOLCHAIN", "local")),
    )


def rust(texts: Mapping[str, str], paths: Sequence[str]) -> LanguageSetup | None:
    """The crates of ``Cargo.toml``."""
    if "Cargo.toml" not in texts:
        return None
    locked = "Cargo.lock" in paths
    return LanguageSetup(
        name="rust",
        programs=("cargo", "rustc", "gcc"),
        steps=(
            SetupStep(
                title="Download crates",
                commands=(f"CARGO_HOME={ROOT}/cargo cargo fetch{' --locked' if locked else ''}",),
                reason="Cargo.lock" if locked else "Cargo.toml",
            ),
        ),
        check="cargo metadata --offline --format-version 1 >/dev/null",
        variables=(("CARGO_HOME", f"{ROOT}/cargo"), ("CARGO_NET_OFFLINE", "true"), ("CARGO_TARGET_DIR", "/tmp/target")),  # noqa: S108  its own,
    )


def jvm(texts: Mapping[str, str], paths: Sequence[str]) -> LanguageSetup | None:
    """Maven's or Gradle's dependencies. A JVM reads neither HTTPS_PROXY nor SSL_CERT_FILE: both are told to it apart.

    Maven loads what runs the tests only when some are run, so one class of them is, whatever comes of it.
    """
    prepare = f'{quoted(["sh", "-c", shell_script("jvm"), "jvm", ROOT])} && JVM="$(cat /tmp/signoff-jvm/options)"'
    if "pom.xml" in texts:
        # Settings and repository are given as properties: MAVEN_ARGS means nothing to Maven before 3.9.
        maven = f'MAVEN_OPTS="$JVM -Dmaven.conf=/tmp/signoff-jvm -Dmaven.repo.local={ROOT}/maven/repo" mvn --batch-mode'
        tests = sorted((path for path in paths if _JUNIT.search(path)), key=lambda path: (len(path), path))
        one = f"-Dtest={tests[0].rpartition('/')[2].removesuffix('.java')} " if tests else ""
        lenient = "-DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false -Dmaven.test.failure.ignore=true"
        return LanguageSetup(
            name="java",
            programs=("mvn", "java"),
            steps=(
                SetupStep(
                    title="Download what Maven needs",
                    commands=(
                        f"{prepare} && {maven} --quiet {one}{lenient} {'test' if tests else 'test-compile'}",
                        f"{prepare} && {maven} --quiet dependency:resolve dependency:resolve-plugins",
                    ),
                    reason="pom.xml",
                ),
            ),
            check="mvn --batch-mode --quiet test-compile",
            variables=(("MAVEN_OPTS", f"-Dmaven.repo.local={ROOT}/maven/repo -Dmaven.conf={ROOT}/maven/conf"),),
        )
    if any(name in texts for name in ("build.gradle", "build.gradle.kts")):
        wrapper = "./gradlew" if "gradlew" in paths else "gradle"
        fetch = f'JAVA_OPTS="$JVM" {wrapper} --gradle-user-home {ROOT}/gradle --no-daemon --quiet testClasses'
        return LanguageSetup(
            name="java",
            programs=("java",) if wrapper == "./gradlew" else ("gradle", "java"),
            steps=(
                SetupStep(
                    title="Download what Gradle needs", commands=(f"{prepare} && {fetch}",), reason="build.gradle"
                ),
            ),
            variables=(("GRADLE_RO_DEP_CACHE", f"{ROOT}/gradle/caches"),),
        )
    return None


def make(texts: Mapping[str, str], _: Sequence[str]) -> LanguageSetup | None:
    """A target that prepares, where nothing else says how."""
    found = _PREPARING.search(texts.get("Makefile", ""))
    if found is None:
        return None
    step = SetupStep(title=f"Run make {found[1]}", commands=(f"make {found[1]}",), reason="Makefile", needed=False)
    return LanguageSetup(name="make", programs=("make",), steps=(step,))


def _package(text: str) -> dict[str, Any]:
    try:
        parsed = json_value(text) if text else {}
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
