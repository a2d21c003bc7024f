"""A result's neutral document, drawn as text, Markdown, HTML and a MIME bundle."""
