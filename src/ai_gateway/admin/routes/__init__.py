"""The admin API's routes, by subject."""
