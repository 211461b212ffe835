"""Masking: what who reads prompts, logs, traces and documents must not read, by form, by name and by value. Pure."""

from domain.masking.echo import CUT, Echoes, without_echoes, words_of
from domain.masking.files import holds_secrets, is_secret_file, not_shown
from domain.masking.masker import PLACEHOLDER, Masker, known_of, restored, spellings
from domain.masking.personal import find_personal
from domain.masking.secrets import Secret, find_secrets
from domain.masking.values import entropy

__all__ = [
    "CUT",
    "PLACEHOLDER",
    "Echoes",
    "Masker",
    "Secret",
    "entropy",
    "find_personal",
    "find_secrets",
    "holds_secrets",
    "is_secret_file",
    "known_of",
    "not_shown",
    "restored",
    "spellings",
    "without_echoes",
    "words_of",
]
