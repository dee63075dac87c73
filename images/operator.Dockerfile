# The operator. Build it from the repository's root:
#
#     docker build -f images/operator.Dockerfile -t memorybank/operator:v0.1.0 .
#
# Without a network, give the wheels as a volume and PIP_NO_INDEX=1, PIP_FIND_LINKS=/wheels as build arguments.
ARG BASE_IMAGE=docker.io/library/python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS build
ARG PIP_NO_INDEX=
ARG PIP_FIND_LINKS=
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/operator.txt requirements/build.txt /src/requirements/
RUN python3 -m venv --without-pip /opt/venv && python3 -m venv /opt/build \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --quiet --no-cache-dir --no-deps --require-hashes \
        -r /src/requirements/operator.txt \
    && /opt/build/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r /src/requirements/build.txt
COPY operator/pyproject.toml /src/operator/
COPY operator/memorybank_operator /src/operator/memorybank_operator
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation -w /src/dist /src/operator \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --quiet --no-cache-dir --no-deps --no-index /src/dist/*.whl

FROM ${BASE_IMAGE}
ARG VERSION=dev
LABEL org.opencontainers.image.title="MemoryBank operator" \
      org.opencontainers.image.description="Turns a MemoryBankTenant into a running memory service" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/venv/bin/memorybank-operator"]
