"""The gate that makes a cookie policy true on the wire."""
