"""OpenAI-compatible routes: chat completions, responses and models, for the coding graph and for the chat model."""
