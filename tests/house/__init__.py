"""The habits of the house, as tests: what neither the linter nor the type checker sees."""
