# One image for gateway, recorder and worker; compose.yaml says which it is.

FROM python:3.13.15-slim-trixie AS builder
# npm fetches the page's socket.io client, see hatch_build.py.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends npm \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/image.txt requirements/image.txt
RUN pip install --require-hashes --requirement requirements/image.txt
COPY . .
# --no-build-isolation: the build back end is in the lock file too, by hash.
RUN pip install --no-deps --no-build-isolation .

FROM python:3.13.15-slim-trixie
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin buildfeed
COPY --from=builder /venv /venv
COPY --chmod=755 deploy/connected.py /usr/local/bin/connected
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["buildfeed"]
