# The server as a container: deploy/README.md. Credentials come from the environment or from mounted files
# (NEXUDUS_PASSWORD_FILE=...). It listens on every interface, so it refuses to start until a way to authenticate callers
# is set: docs/security.md. To look around, over simulated sources: docker run -p 127.0.0.1:8000:8000 IMAGE --demo
#
# Any image with Python 3.11 or newer and its venv will do. Pin it by its digest: BASE=python@sha256:...
ARG BASE=python:3.13-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS build
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
# Where a company's proxy has an authority of its own: --secret id=ca,src=FILE. Nothing of it is left in the image.
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
 && python3 -m venv /venv \
 && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[tracing]' \
 && /venv/bin/python -m pip uninstall --yes --quiet pip

# hadolint ignore=DL3006
FROM ${BASE}
COPY --from=build /venv /venv
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /app
COPY server.py services.py pages.py operations.py configuration.py server_settings.py rotation.py lru.py json_names.py background.py loans.py logs.py LICENSE ./
COPY engine engine
COPY httpclient httpclient
COPY httpserver httpserver
COPY metrics metrics
COPY resolvers resolvers
COPY schema schema
COPY security security
COPY startup startup
COPY store store
COPY sync sync
COPY tracing tracing
COPY web web
COPY simulator simulator
COPY examples/queries examples/queries
COPY docs/errors.md docs/errors.md
# Nothing can be written later, so each start would compile them again.
RUN python -m compileall -q server.py services.py pages.py operations.py configuration.py server_settings.py rotation.py lru.py json_names.py background.py loans.py logs.py engine httpclient httpserver metrics resolvers schema security startup store sync tracing web simulator

USER 65534
# Who can reach the container is said by the ports that are published, so the demo may listen there.
ENV HOST=0.0.0.0 PORT=8000 ALLOW_REMOTE_DEMO=true PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK CMD ["python", "-m", "web.health_check"]
ENTRYPOINT ["python", "server.py"]
