"""Authentication at the gateway: who is asking, by token, cookie or run token."""
