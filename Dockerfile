# The same two commands as in the README, in a container:
#   docker build --target cpu -t genlab . && docker run --rm -v "$PWD/runs:/home/genlab/runs" genlab run
#   docker build --target cuda -t genlab:cuda . && docker run --rm --gpus all genlab:cuda run
# Data sets that live in files are read from the volume /data: genlab run ddpm-mnist --data /data
FROM python:3.11-slim AS base
RUN useradd --create-home genlab \
    && install -d -o genlab -g genlab /data /home/genlab/runs
ENV PATH=/opt/genlab/bin:$PATH
WORKDIR /home/genlab
VOLUME ["/data", "/home/genlab/runs"]
USER genlab
ENTRYPOINT ["genlab"]
CMD ["--help"]

FROM python:3.11-slim AS source
RUN pip install --no-cache-dir uv
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY plugins plugins
COPY experiments experiments
RUN uv venv /opt/genlab

FROM source AS build-cuda
RUN uv pip install --no-cache --python /opt/genlab .

FROM source AS build-cpu
RUN uv pip install --no-cache --python /opt/genlab --torch-backend cpu .

FROM base AS cuda
COPY --from=build-cuda /opt/genlab /opt/genlab

FROM base AS cpu
COPY --from=build-cpu /opt/genlab /opt/genlab
