"""Binding of ONNX Runtime's C API: library, environment, sessions, tensors."""
