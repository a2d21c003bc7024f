"""The one way a key leaves this process: to which hosts, checked how, and what must not come back."""
