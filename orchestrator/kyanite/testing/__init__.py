"""For authors of providers and adapters: the contracts as test suites, and fakes whose time and chance a test owns."""
