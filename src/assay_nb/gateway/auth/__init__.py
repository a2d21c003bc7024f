"""Authentication at the gateway, by hub token, session cookie or run token."""
