"""Where rows and events are kept: in memory, or in SQLite."""
