#!/usr/bin/env bash
# Write the software bill of materials of the service, as CycloneDX (JSON), and check it against that format's schema.
#
#   sbom.sh FILE           from requirements/service.lock: what is installed, with the hashes of what may be downloaded
#   sbom.sh FILE PYTHON    from the environment of a Python: what is there, with licences and what needs what
#
# CYCLONEDX names the program of the package cyclonedx-bom; the development environment has it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
file=$1
tool=${CYCLONEDX:-$root/.venv/bin/cyclonedx-py}

about=(--pyproject "$root/pyproject.toml" --mc-type application --spec-version 1.6 --output-format JSON --output-reproducible --validate)
if [ $# -gt 1 ]; then
  "$tool" environment "$2" "${about[@]}" --output-file "$file"
else
  # The index that the lock was made from is nobody else's affair: the addresses are those of the public one.
  "$tool" requirements "$root/requirements/service.lock" "${about[@]}" --output-file "$file" 2> >(grep -v -e UserWarning -e 'warn(' >&2)
fi
