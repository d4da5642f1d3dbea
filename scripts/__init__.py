"""Tools of the project: checks, locks, builds, tables of the documentation."""
