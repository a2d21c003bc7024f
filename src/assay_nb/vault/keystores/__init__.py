"""Key stores: where the master key is kept."""
