"""The daemon among clients that are broken, slow or hostile."""
