#!/usr/bin/env bash
# curl: start a run, wait for it, read and sign the approval.  URL, KEY, LOGIN, REPO as arguments.
set -euo pipefail
url=$1 key=$2 login=$3 repo=$4
post() { curl -sS --fail-with-body -H "authorization: Bearer $1" -H 'content-type: application/json' -d "$3" "$url$2"; }
get() { curl -sS --fail-with-body -H "authorization: Bearer $1" "$url$2"; }
field() { python3 -c 'import json,sys; print(eval(sys.argv[1], {"it": json.load(sys.stdin)}))' "$1"; }

run=$(post "$key" /runs '{"assistant_id": "coding", "input": {"task": {"text": "Fix the failing test", "repo": "'"$repo"'"}}}')
thread=$(field 'it["thread_id"]' <<<"$run")
get "$key" "/threads/$thread/runs/$(field 'it["run_id"]' <<<"$run")/join" >/dev/null

for id in $(get "$key" "/v1/approvals?state=pending&run=$thread" | field '" ".join(i["id"] for i in it["items"])'); do
  digest=$(get "$key" "/v1/approvals/$id" | field 'it["action_digest"]')
  post "$login" "/v1/approvals/$id/decisions" '{"decision": "approve", "action_digest": "'"$digest"'"}'; echo
done
latest=$(get "$key" "/threads/$thread/runs?limit=1" | field 'it[0]["run_id"]')
get "$key" "/threads/$thread/runs/$latest/join" | field 'it["ending"]["answer_markdown"]'
