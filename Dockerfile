# The server as a container. Credentials come from the environment or from mounted files (NEXUDUS_PASSWORD_FILE=...).
# It listens on every interface, so it refuses to start until a way to authenticate callers is set: docs/security.md.
# To look around, over simulated sources: docker run -p 127.0.0.1:8000:8000 IMAGE --demo
FROM python:3.13-slim

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN python -m pip install --no-cache-dir --constraint constraints.txt .
COPY server.py configuration.py security.py lru.py loans.py logs.py metrics.py ./
COPY engine engine
COPY httpclient httpclient
COPY httpserver httpserver
COPY resolvers resolvers
COPY schema schema
COPY store store
COPY sync sync
COPY web web
COPY simulator simulator
COPY examples/queries examples/queries
# Nothing can be written later, so each start would compile them again.
RUN python -m compileall -q server.py configuration.py security.py lru.py loans.py logs.py metrics.py engine httpclient httpserver resolvers schema store sync web simulator

USER 65534
# Who can reach the container is said by the ports that are published, so the demo may listen there.
ENV HOST=0.0.0.0 PORT=8000 ALLOW_REMOTE_DEMO=true PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK CMD ["python", "-m", "web.health_check"]
ENTRYPOINT ["python", "server.py"]
