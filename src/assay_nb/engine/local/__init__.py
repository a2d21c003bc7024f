"""The engine that opens the key and calls the provider in this process."""
