"""Binding of ONNX Runtime's C API: libraries, providers, sessions and tensors."""
