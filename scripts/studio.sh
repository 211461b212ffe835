#!/usr/bin/env bash
# LangGraph Studio on our graph. Its development server has a licence and pins of its own, so it lives
# in an environment of its own and is never part of what Signoff ships.
# Arguments are passed to `langgraph dev`, e.g. --no-browser --port 2124.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh studio
# Opening the application reads its keys, prompts and tables from disk; on one person's machine that may block.
exec .venv-studio/bin/langgraph dev --allow-blocking "$@"
