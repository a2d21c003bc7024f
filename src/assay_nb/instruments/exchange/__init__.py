"""The exchange with a model: fenced input, a schema to answer in, and the reading of the reply."""
