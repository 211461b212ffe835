"""Authentication and authorization: API keys, OpenID Connect, principals, scopes, rate limits."""
