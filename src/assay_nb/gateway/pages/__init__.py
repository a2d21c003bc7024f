"""Pages of the gateway for a browser: views, forms, templates."""
