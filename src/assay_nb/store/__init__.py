"""SQL, and only here: the database, its tables and the queries over them."""
