"""What a repository needs besides its files: found out by reading it, built once with a network, kept as an image."""

from sandbox.docker.layers import DockerLayers
from sandbox.environments.builder import SetupProgress, StepResult
from sandbox.environments.credentials import Credentials, credential
from sandbox.environments.detect import detect, wanted_files
from sandbox.environments.environments import Environments, Setup, SetupBounds
from sandbox.environments.lfs import lfs_pointers
from sandbox.environments.recipe import SETUP_SCRIPT, Recipe, SetupStep, key_of
from sandbox.requirements import declared_packages

__all__ = [
    "SETUP_SCRIPT",
    "Credentials",
    "DockerLayers",
    "Environments",
    "Recipe",
    "Setup",
    "SetupBounds",
    "SetupProgress",
    "SetupStep",
    "StepResult",
    "credential",
    "declared_packages",
    "detect",
    "key_of",
    "lfs_pointers",
    "wanted_files",
]
