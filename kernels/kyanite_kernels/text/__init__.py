"""Scanners of what arrives on the wire, at the speed of memory: bytes in, flat arrays out."""

from kyanite_kernels.text.json_terms import find_terms, scan_terms, skip_values, warm_json_terms
from kyanite_kernels.text.protobuf_terms import scan_message, warm_protobuf_terms

__all__ = ["find_terms", "scan_message", "scan_terms", "skip_values", "warm_json_terms", "warm_protobuf_terms"]
