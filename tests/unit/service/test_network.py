"""Who is asked for an address, what every client is told, and what is no proxy and no certificate."""

import ast
import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from service.cli.sandbox import network_checks
from service.network import CERTIFICATES, LOOPBACK, excepted, exceptions, network_variables, proxies, proxy_address
from service.settings import Settings
from tests.architecture.tree import module_name, modules, parsed
from tests.worlds.outbound import CLIENTS
from tests.worlds.package_index import certificates

PROXY = "http://proxy.example:3128"
NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,10}(\.[a-z]{2,5}){0,3}\Z")


@given(NAMES, NAMES)
def test_a_domain_excepts_what_ends_in_it_and_nothing_that_only_looks_so(host: str, domain: str) -> None:
    for entry in (domain, f".{domain}", f"*.{domain}", domain.upper()):
        assert excepted(f"{host}.{domain}", 443, (entry,))
        assert excepted(domain, 443, (entry,))
        assert not excepted(f"{host}{domain}"[: 1 - len(domain)] + "x" + domain, 443, (f".{domain}",))


@given(
    st.lists(NAMES), st.sampled_from([*LOOPBACK, "[::1]"]), st.sampled_from(["http", "https"]), st.integers(1, 65_535)
)
def test_loopback_is_never_asked_through_a_proxy(named: list[str], host: str, scheme: str, port: int) -> None:
    proxy_for = proxies({"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": ",".join(named)})
    address = f"[{host}]" if host == "::1" else host
    assert not proxy_for(f"{scheme}://{address}:{port}/v1")


@given(st.text(max_size=60))
def test_exceptions_are_what_was_named_and_loopback_and_written_again_they_are_the_same(text: str) -> None:
    named = exceptions(text)
    assert {*LOOPBACK} <= {*named}
    assert exceptions(",".join(named)) == named


@pytest.mark.parametrize(
    ("url", "no_proxy", "asked"),
    [
        ("https://api.example/v1", "", PROXY),
        ("wss://api.example/v1", "", PROXY),
        ("http://api.example/v1", "", ""),
        ("https://api.example/v1", "*", ""),
        ("https://gpu.corp:8000/v1", "corp", ""),
        ("https://gpu.corp:8000/v1", "gpu.corp:8000", ""),
        ("https://gpu.corp:8001/v1", "gpu.corp:8000", PROXY),
        ("https://10.0.0.7/v1", "10.0.0.7", ""),
        ("https://[fd00::7]/v1", "fd00::7", ""),
        ("https://notcorp/v1", "corp", PROXY),
    ],
)
def test_who_is_asked(url: str, no_proxy: str, asked: str) -> None:
    assert proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})(url) == asked
    assert Settings(HTTPS_PROXY=PROXY, NO_PROXY=no_proxy).proxy_for(url) == asked


def test_both_spellings_say_the_same_and_one_proxy_for_everything_is_two(tmp_path: Path) -> None:
    said = network_variables({"all_proxy": "proxy.example:3128"}, ca=None, bundle=tmp_path / "b")
    assert {said[name] for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")} == {PROXY}
    assert said["NO_PROXY"] == said["no_proxy"] == ",".join(LOOPBACK)
    # A client that finds SOCKS there, and no package for it, ends before it is made.
    assert said["ALL_PROXY"] == said["all_proxy"] == ""
    assert network_variables({"PATH": "/bin"}, ca=None, bundle=tmp_path / "b") == {}


@pytest.mark.parametrize(
    "text",
    [
        "socks5://u:secret@p:1",
        "http://u:secret@",
        "ftp://u:secret@p",
        "http://u:secret@p:99999999",
        "http://u:secret@p q",
    ],
)
def test_what_is_no_proxy_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(Refused) as caught:
        proxy_address("HTTPS_PROXY", text)
    assert caught.value.stable_code == "settings_invalid"
    assert "secret" not in f"{caught.value.message}{caught.value.hint}"


def test_passwords_of_proxies_are_secrets() -> None:
    settings = Settings(HTTPS_PROXY="http://ann:p%40ss@proxy:1", HTTP_PROXY="http://ann:other@proxy:1")
    assert {"p%40ss", "p@ss", "other"} <= {*settings.secrets}
    assert "p%40ss" not in repr(settings)


def test_an_authority_is_trusted_besides_all_others_under_every_name_and_again(tmp_path: Path) -> None:
    authority, _ = certificates(tmp_path)
    (ca := tmp_path / "ca.pem").write_text(authority)
    bundle = tmp_path / "home" / "trusted.pem"
    said = network_variables({"SSL_CERT_FILE": ""}, ca=ca, bundle=bundle)
    assert {said[name] for name in CERTIFICATES} == {str(bundle)}
    text = bundle.read_text()
    assert text.count("BEGIN CERTIFICATE") > 50
    assert authority.strip() in text
    # The settings are read again, in this process or in one that it started.
    assert network_variables(said, ca=ca, bundle=bundle) == said
    assert bundle.read_text() == text
    # What was trusted instead of the system's stays so.
    mine, _ = certificates(tmp_path)
    (own := tmp_path / "own.pem").write_text(mine)
    network_variables({"SSL_CERT_FILE": str(own)}, ca=ca, bundle=bundle)
    assert bundle.read_text().count("BEGIN CERTIFICATE") == 2
    assert {*network_variables({"REQUESTS_CA_BUNDLE": str(own)}, ca=None, bundle=bundle).values()} == {str(own)}


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no certificate", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"],
)
def test_what_is_no_certificate_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    system = {"SSL_CERT_FILE": str(path)}
    # Of a system's many only a look is taken: that costs nothing, and whoever uses them says what is wrong.
    several = () if content and b"BEGIN" in content else ((system, None),)
    for environment, ca in (({}, path), *several):
        with pytest.raises(Refused, match="cannot be read") as caught:
            network_variables(environment, ca=ca, bundle=tmp_path / "bundle.pem")
        assert caught.value.stable_code == "settings_invalid"
    assert not (tmp_path / "bundle.pem").exists()


async def test_doctor_says_which_proxy_is_asked_whether_it_is_there_and_what_nobody_understands() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        settings = Settings(HTTPS_PROXY=f"http://ann:secret@127.0.0.1:{port}", NO_PROXY="10.0.0.0/8,.corp")
        checks = {check.name: check for check in await network_checks(settings)}
    there, ranges = checks["proxy"], checks["NO_PROXY"]
    assert (there.name, there.ok, there.detail) == ("proxy", True, f"127.0.0.1:{port}, not for 10.0.0.0/8,.corp")
    assert (ranges.name, ranges.passed, ranges.detail) == ("NO_PROXY", True, "10.0.0.0/8")
    gone = next(check for check in await network_checks(settings) if check.name == "proxy")
    assert not gone.passed
    assert "secret" not in f"{there}{gone}"
    trusting = await network_checks(Settings(SSL_CERT_FILE=Path("/own.pem"), HTTPS_PROXY="", HTTP_PROXY=""))
    assert [(check.name, check.detail) for check in trusting] == [("certificates", "those of /own.pem alone")]


MAKES = {
    "AsyncClient",
    "Client",
    "AsyncHTTPTransport",
    "HTTPTransport",
    "DefaultAsyncHttpxClient",
    "S3Store",
    "urlopen",
}
LIBRARIES = {"httpx", "httpx2", "openai", "obstore.store", "urllib.request", "requests", "aiohttp"}
ELSEWHERE = {"approvals.channels.by_name"}
"""What the client of another module is made of."""


def makes_clients(tree: ast.Module) -> bool:
    """Tell whether a module makes a client of HTTP, or a type of them."""
    libraries, types = set[str](), set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                libraries |= {alias.asname or alias.name for alias in node.names if alias.name in LIBRARIES}
            case ast.ImportFrom(module=module) if module in LIBRARIES:
                types |= {alias.asname or alias.name for alias in node.names if alias.name in MAKES}
            case _:
                pass
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in types:
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id=library), attr=name)):
                if library in libraries and name in MAKES:
                    return True
            case ast.ClassDef(bases=[ast.Attribute(value=ast.Name(id=library), attr=name), *_]):
                if library in libraries and name in MAKES:
                    return True
            case _:
                pass
    return False


def test_no_client_is_made_that_is_not_asked_behind_a_proxy() -> None:
    """``tests/worlds/outbound.py`` asks each of them; a module that makes another one stands there, too."""
    making = {module_name(path) for path in modules() if makes_clients(parsed(path))}
    asked = {module for module, _ in CLIENTS.values()}
    assert making - asked == ELSEWHERE
    assert len(making & asked) > 10
