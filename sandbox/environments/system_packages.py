"""System packages: which Debian packages compile or run what other managers install, and where hints are. Pure.

They are unpacked below the environment, without root and without running anything of theirs. A compiler is not had in
that way: it belongs to the image below.
"""

import re
from collections.abc import Iterable, Mapping

from sandbox.environments.recipe import SetupStep, quoted
from sandbox.inside import shell_script
from sandbox.inside.environment import ROOT

BY_PACKAGE: Mapping[str, tuple[str, ...]] = {
    "cffi": ("libffi-dev",),
    "cryptography": ("libssl-dev", "libffi-dev"),
    "gdal": ("libgdal-dev",),
    "h5py": ("libhdf5-dev",),
    "lxml": ("libxml2-dev", "libxslt1-dev"),
    "m2crypto": ("libssl-dev", "swig"),
    "mysqlclient": ("default-libmysqlclient-dev", "pkg-config"),
    "pillow": ("libjpeg-dev", "zlib1g-dev"),
    "psycopg2": ("libpq-dev",),
    "pyaudio": ("portaudio19-dev",),
    "pycairo": ("libcairo2-dev", "pkg-config"),
    "pycurl": ("libcurl4-openssl-dev", "libssl-dev"),
    "pygobject": ("libgirepository1.0-dev", "libcairo2-dev"),
    "pygraphviz": ("libgraphviz-dev",),
    "pyodbc": ("unixodbc-dev",),
    "python-ldap": ("libldap2-dev", "libsasl2-dev"),
    "python-magic": ("libmagic1",),
    "python-snappy": ("libsnappy-dev",),
    "pyyaml": ("libyaml-dev",),
    "rtree": ("libspatialindex-dev",),
    "shapely": ("libgeos-dev",),
    "uwsgi": ("build-essential",),
    "weasyprint": ("libpango-1.0-0", "libpangoft2-1.0-0"),
    "xmlsec": ("libxmlsec1-dev", "pkg-config"),
}
"""Package of another manager, by its plain name → Debian packages."""
WHEELED = frozenset(
    {"cffi", "cryptography", "h5py", "lxml", "pillow", "pyyaml", "rtree", "shapely", "uwsgi", "xmlsec", "pycurl"}
)
"""Of these those that indexes have built, with their libraries inside: nothing is downloaded for them."""
COMPILER = ("gcc", "g++", "libc6-dev", "python3-dev")
PROGRAMS_OF_IMAGES = frozenset({*COMPILER, "build-essential", "make", "cmake", "git", "sudo", "docker.io", "snapd"})
"""What an image has, or a sandbox has no use for: hints name it often, and it is not downloaded."""
DEBIAN = f"{ROOT}/debian"
_LIBRARIES = f"{DEBIAN}/usr/lib/here:{DEBIAN}/lib/here"
VARIABLES: tuple[tuple[str, str], ...] = (
    ("LD_LIBRARY_PATH", _LIBRARIES),
    ("LIBRARY_PATH", _LIBRARIES),
    ("CPATH", f"{DEBIAN}/usr/include:{DEBIAN}/usr/include/here:{DEBIAN}/usr/include/postgresql"),
    ("PKG_CONFIG_PATH", f"{DEBIAN}/usr/lib/here/pkgconfig:{DEBIAN}/usr/share/pkgconfig"),
)
"""Where programs and compilers find what was unpacked."""
_INSTALL = re.compile(r"apt(?:-get)?(?: +-\S{1,40})* +install((?:[ \t]+[^\s;&|#\\]{1,80}|[ \t]*\\\n)+)")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,60}")


def is_hint(path: str) -> bool:
    """Tell whether a file may name system packages: of Docker, of a dev container, of continuous integration."""
    name = path.rsplit("/", 1)[-1]
    return (
        name.startswith(("Dockerfile", "apt.txt"))
        or re.fullmatch(r"(?:docker-)?compose[\w.-]{0,40}\.ya?ml", name) is not None
        or path.startswith((".devcontainer/", ".github/workflows/"))
        or path in {".gitlab-ci.yml", ".circleci/config.yml", ".travis.yml"}
    ) and path.count("/") <= 2  # noqa: PLR2004  deeper ones are about something else


def system_packages(named: Iterable[str], hints: Mapping[str, str], *, native: bool) -> tuple[str, ...]:
    """Return the Debian packages that the named packages and the hints ask for, sorted.

    Args:
        named: packages of other managers, by their plain names.
        hints: texts of the files that ``is_hint`` chose.
        native: sources are compiled.
    """
    found = {each for name in named for each in BY_PACKAGE.get(name, ())}
    for text in hints.values():
        for match in _INSTALL.finditer(text):
            found.update(
                word for word in match[1].split() if _PACKAGE.fullmatch(word) and not word.startswith("python")
            )
    return tuple(sorted(found | ({*COMPILER} if native else set())))


def downloaded(
    named: Iterable[str], hints: Mapping[str, str], services: Iterable[str], *, native: bool
) -> tuple[str, ...]:
    """Return those that are unpacked into an environment; arguments as for ``system_packages``.

    Args:
        services: packages of the services that tests speak to.
    """
    built = {name for name in named if name not in WHEELED}
    return tuple(sorted({*system_packages(built, hints, native=native), *services} - PROGRAMS_OF_IMAGES))


def debian_step(packages: tuple[str, ...]) -> tuple[SetupStep, ...]:
    """The step that unpacks Debian packages; a set-up without them goes on."""
    if not packages:
        return ()
    words = ["sh", "-c", shell_script("debian"), "debian", DEBIAN, *packages]
    named = ", ".join(packages)
    reason = "dependencies, workflows and Dockerfiles"
    return (SetupStep(title=f"Unpack {named}"[:200], commands=(quoted(words),), reason=reason, needed=False),)


def pip_installs(hints: Mapping[str, str]) -> tuple[str, ...]:
    """Return what workflows install with pip, as plain words: packages that a check may find missing."""
    words = (
        word.strip("'\"")
        for text in hints.values()
        for found in re.finditer(r"pip3? +install((?:[ \t]+[^\s;&|#]{1,100}){1,40})", text)
        for word in found[1].split()
    )
    return tuple(dict.fromkeys(word for word in words if word[:1].isalpha() and "/" not in word and word != "pip"))
