"""WeChat's callback protocol: bytes and strings in, values or exceptions out. No Django, no I/O."""
