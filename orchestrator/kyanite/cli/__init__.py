"""The command line: `kyanite`, for people who never write Python and for scripts that read what it prints."""
