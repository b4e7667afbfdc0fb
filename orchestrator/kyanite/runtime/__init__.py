"""The shell around the core: the one gate, the dispatcher, the coroutine each job is, and what users hold."""
