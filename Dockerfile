# syntax=docker/dockerfile:1
# docker build --target cpu -t hugot .          then: docker run --rm -i hugot run --help
# docker build --target cuda -t hugot-cuda .    needs the NVIDIA container toolkit to run
# The target "develop" is what .devcontainer/ opens.
ARG PYTHON=3.13
# onnxruntime-gpu is built for one CUDA: 1.31 for 13, with cuDNN 9. Change both together.
ARG CUDA=13.1.1-cudnn-runtime-ubuntu24.04

FROM python:${PYTHON}-slim AS develop
RUN apt-get update && apt-get install -y --no-install-recommends gcc git libc6-dev make && rm -rf /var/lib/apt/lists/*

FROM develop AS build
WORKDIR /source
COPY . .
RUN scripts/setup /opt/hugot

FROM python:${PYTHON}-slim AS cpu
COPY --from=build /opt/hugot /opt/hugot
ENV PATH=/opt/hugot/bin:$PATH
ENTRYPOINT ["hugot"]

FROM nvidia/cuda:${CUDA} AS cuda
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev python3-dev python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# The two packages of ONNX Runtime overwrite each other's files: one has to go.
RUN scripts/setup /opt/hugot && /opt/hugot/bin/pip uninstall -y onnxruntime && /opt/hugot/bin/pip install 'onnxruntime-gpu>=1.31'
ENV PATH=/opt/hugot/bin:$PATH
ENTRYPOINT ["hugot"]
