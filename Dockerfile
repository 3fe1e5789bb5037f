# docker build -t enet . && docker run --rm enet - see docs/containers.md
ARG PYTHON=3.11
FROM python:${PYTHON}-slim AS build
# Such as [openvino].
ARG EXTRAS=""
# On x86_64, PyPI's torch has CUDA libraries of gigabytes: give PyTorch's own index of CPU builds here.
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /source
COPY constraints.txt pyproject.toml README.md LICENSE conftest.py pytest.ini ./
COPY enet enet
COPY fixtures fixtures
COPY tests/acceptance tests/acceptance
RUN python -m venv /opt/enet && /opt/enet/bin/pip install -q --no-cache-dir -c constraints.txt ".${EXTRAS}"

FROM python:${PYTHON}-slim
COPY --from=build /opt/enet /opt/enet
# Works for any user, without a home folder, on a read-only file system with a writable /tmp.
ENV PATH=/opt/enet/bin:$PATH ENET_CACHE=/tmp/enet-cache PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --create-home enet && install -d -o enet /work
USER 10001
WORKDIR /work
ENTRYPOINT ["enet"]
CMD ["accept"]
