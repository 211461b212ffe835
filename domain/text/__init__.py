"""Text from outside: its encoding and edits that keep it, and JSON, YAML and Python of strangers, read with bounds."""

from domain.text.charsets import DECLARING, Charsets, declarations
from domain.text.edits import NotOnce, replaced, rewritten, written
from domain.text.elision import shortened
from domain.text.encoding import TextFile, decoded, dominant
from domain.text.failures import failure_kind
from domain.text.ladder import NumberedEdit, PathLadder, fitted_change, numbered_edits
from domain.text.line_matching import matching
from domain.text.patterns import LinearPattern, linear
from domain.text.strict_json import ODD_TEXT, OddJson, read_json
from domain.text.untrusted import YamlLoader, json_value, python_tree, readable, whole_number, yaml_excess, yaml_value

__all__ = [
    "DECLARING",
    "ODD_TEXT",
    "Charsets",
    "LinearPattern",
    "NotOnce",
    "NumberedEdit",
    "OddJson",
    "PathLadder",
    "TextFile",
    "YamlLoader",
    "declarations",
    "decoded",
    "dominant",
    "failure_kind",
    "fitted_change",
    "json_value",
    "linear",
    "matching",
    "numbered_edits",
    "python_tree",
    "read_json",
    "readable",
    "replaced",
    "rewritten",
    "shortened",
    "whole_number",
    "written",
    "yaml_excess",
    "yaml_value",
]
