"""Facts about models: which there are, what they take, what they cost, when they retire."""
