# The server as a container. Credentials come from the environment or from mounted files (NEXUDUS_PASSWORD_FILE=...).
# It listens on every interface, so it refuses to start until a way to authenticate callers is set: docs/security.md.
FROM python:3.13-slim

WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
RUN python -m pip install --no-cache-dir --constraint constraints.txt .
COPY server.py door.py ./
COPY resolvers resolvers
COPY schema schema
COPY web web
COPY examples/queries examples/queries
# Nothing can be written later, so each start would compile them again.
RUN python -m compileall -q server.py door.py resolvers schema web

USER 65534
ENV HOST=0.0.0.0 PORT=8000 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
CMD ["python", "server.py"]
