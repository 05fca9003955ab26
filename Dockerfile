# Two mirrors can be set as build arguments: the base image and pip's index. docs/deploy.md says how.
# The version of Python is the one in runtime.txt.
ARG PYTHON_IMAGE=python:3.14-slim

FROM ${PYTHON_IMAGE} AS build
# An address with a password stays in this stage.
ARG PIP_INDEX_URL
WORKDIR /srv/wechat-gateway
# First the packages, so that a change of the code does not install them again.
COPY requirements* ./
COPY script/bootstrap script/
RUN --mount=type=cache,target=/root/.cache/pip script/bootstrap
COPY . .
# chmod: a checkout made with umask 077 is not readable for the user below.
RUN script/install && chmod -R a+rX .

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="wechat_gateway" \
    org.opencontainers.image.description="Answers WeChat's server URL verification and records every attempt" \
    org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin gateway
WORKDIR /srv/wechat-gateway
COPY --from=build /srv/wechat-gateway .
# Python writes nothing, so that the root file system can be read-only. Large uploads go to /tmp.
ENV PATH=/srv/wechat-gateway/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
# gunicorn stops accepting, and answers the requests in progress within 20 s.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT') or 8000}/healthz\", timeout=4)"]
CMD ["gunicorn", "-c", "python:wechat_gateway.gunicorn_conf", "wechat_gateway.asgi:application"]
