"""The providers that come with Kyanite, one folder each; none imports another."""
