# A local portal with the files of a folder:
#
#     docker build -t explore .
#     docker run --rm -p 8021:8021 -v "$PWD/data:/data:ro" explore
#
# docs/portal.md tells more.

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY odsql odsql
COPY explore_async explore_async
RUN python -m venv /opt/explore && /opt/explore/bin/pip install --no-cache-dir ".[portal]"

FROM python:3.13-slim
COPY --from=build /opt/explore /opt/explore
ENV PATH=/opt/explore/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --system --no-create-home --uid 10001 explore
USER 10001
EXPOSE 8021
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8021/healthz', timeout=4)"]
ENTRYPOINT ["explore", "serve", "--host", "0.0.0.0", "--port", "8021"]
CMD ["--access-log", "/data"]
