"""The openai package: chat with the coder; what needs a signature comes with a link.  URL, KEY, LOGIN, REPO."""

import sys

from openai import OpenAI

url, key, _, repo = sys.argv[1:]
with OpenAI(base_url=f"{url}/v1", api_key=key) as client:
    print(*(model.id for model in client.models.list()))
    stream = client.chat.completions.create(
        model="signoff-coding",
        messages=[{"role": "user", "content": "Fix the failing test"}],
        extra_body={"repo": repo},
        stream=True,
    )
    for part in stream:
        delta = part.choices[0].delta
        print(delta.content or (delta.model_extra or {}).get("reasoning_content", ""), end="", flush=True)
    print()
