"""Does a test fail when the code is wrong? One small change at a time, and the tests that should notice."""
