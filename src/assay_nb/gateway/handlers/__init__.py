"""Handlers of the JSON API, and the table that names every route."""
