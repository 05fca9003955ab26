"""WeChat's callback protocol. It takes bytes and strings, and uses neither Django nor I/O."""
