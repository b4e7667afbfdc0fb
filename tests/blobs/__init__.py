"""The blob stores and what they stand on."""
