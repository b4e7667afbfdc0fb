"""The power goes out: what was synced stays, of the rest anything may; and bytes may change by themselves."""
