# syntax=docker/dockerfile:1
# Two images of one service: `--target cpu` and `--target gpu`; deploy/README.md says how they run.
#
#   pyproject.toml -> requirements -> /opt/venv (changes with the dependencies) -\
#   service/ -> wheel ------------------------- (changes with every commit) ------+-> cpu, gpu

FROM python:3.12-slim AS requirements
COPY pyproject.toml /
RUN python <<'PYTHON'
import tomllib
from pathlib import Path

project = tomllib.loads(Path("/pyproject.toml").read_text())["project"]
for extra in ("cpu", "gpu"):
    wanted = project["dependencies"] + project["optional-dependencies"][extra]
    Path(f"/{extra}.txt").write_text("\n".join(wanted) + "\n")
PYTHON

FROM python:3.12-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY service service
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --disable-pip-version-check --no-deps --wheel-dir /wheels .

FROM python:3.12-slim AS dependencies-cpu
RUN python -m venv /opt/venv
COPY --from=requirements /cpu.txt /
COPY constraints.txt /
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/venv/bin/pip install --disable-pip-version-check -c /constraints.txt -r /cpu.txt

# `base` suffices: CUDA, cuDNN and cuVS come as wheels. Ubuntu 24.04's own Python is 3.12.
FROM nvidia/cuda:13.0.1-base-ubuntu24.04 AS python-gpu
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3.12-venv \
    && rm -rf /var/lib/apt/lists/*

FROM python-gpu AS dependencies-gpu
# Ubuntu's pip 24.0 does not see that 26.6.0 is 26.06.*, which is what faiss-gpu-cuvs asks for.
RUN python3.12 -m venv /opt/venv \
    && /opt/venv/bin/pip install --disable-pip-version-check --no-cache-dir --upgrade 'pip>=24.1'
COPY --from=requirements /gpu.txt /
COPY constraints.txt /
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/venv/bin/pip install --disable-pip-version-check -c /constraints.txt -r /gpu.txt

FROM python:3.12-slim AS cpu
# 10001 is nobody on the host; a new volume takes over the owner of /data.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent vitrine \
    && install --directory --owner=vitrine --group=vitrine /data
COPY --from=dependencies-cpu /opt/venv /opt/venv
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    /opt/venv/bin/pip install --disable-pip-version-check --no-cache-dir --no-index --no-deps \
    /wheels/*.whl
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VITRINE_DATA_DIR=/data \
    VITRINE_HOST=0.0.0.0 \
    VITRINE_PORT=8000
USER 10001:10001
VOLUME /data
EXPOSE 8000
# Alive, not ready: before the first reindex /readyz is a 503, and restarting would not help.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['VITRINE_PORT'] + '/livez', timeout=4)"]
ENTRYPOINT ["vitrine"]
CMD ["serve"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Vitrine" \
      org.opencontainers.image.description="Visual product search as a service, on the CPU" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION

FROM python-gpu AS gpu
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent vitrine \
    && install --directory --owner=vitrine --group=vitrine /data
COPY --from=dependencies-gpu /opt/venv /opt/venv
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    /opt/venv/bin/pip install --disable-pip-version-check --no-cache-dir --no-index --no-deps \
    /wheels/*.whl
# The first line is where the wheels put CUDA's libraries, which ONNX Runtime looks up by name.
ENV LD_LIBRARY_PATH=/opt/venv/lib/python3.12/site-packages/nvidia/cu13/lib:/opt/venv/lib/python3.12/site-packages/nvidia/cudnn/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
    VITRINE_PROVIDER=cuda \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VITRINE_DATA_DIR=/data \
    VITRINE_HOST=0.0.0.0 \
    VITRINE_PORT=8000
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['VITRINE_PORT'] + '/livez', timeout=4)"]
ENTRYPOINT ["vitrine"]
CMD ["serve"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Vitrine" \
      org.opencontainers.image.description="Visual product search as a service, on an NVIDIA GPU" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
