"""HTTP at the gateway: the app, the context of a request, strict JSON, responses."""
