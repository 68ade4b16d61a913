# The same two commands as in the README, in a container:
#   docker build -t genlab . && docker run --rm -v "$PWD/runs:/home/genlab/runs" genlab run
FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY plugins plugins
COPY experiments experiments
RUN uv venv /opt/genlab && uv pip install --no-cache --python /opt/genlab .

FROM python:3.11-slim
RUN useradd --create-home genlab && mkdir /data && chown genlab /data
COPY --from=build /opt/genlab /opt/genlab
ENV PATH=/opt/genlab/bin:$PATH
USER genlab
WORKDIR /home/genlab
VOLUME ["/data", "/home/genlab/runs"]
ENTRYPOINT ["genlab"]
CMD ["--help"]
