"""What travels over the admin API, by subject: pydantic models, from which the OpenAPI document is made."""
