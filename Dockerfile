# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS builder
WORKDIR /build
COPY . .
# What `lucarne --version` names, if given: --build-arg LUCARNE_COMMIT=$(git rev-parse --short HEAD)
ARG LUCARNE_COMMIT
# The registry and the compiled dependencies stay in caches, so that after an edit only Lucarne
# itself is built again. The binary is copied out, since a cache is no part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/build/target,sharing=locked \
    cargo build --release --locked --bin lucarne \
    && mkdir -p /out/data \
    && cp target/release/lucarne /out/lucarne

# The C library and the certificates of the public authorities; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=builder /out/lucarne /usr/local/bin/lucarne
# Where the demo keeps its file; a volume mounted here takes over the owner.
COPY --from=builder --chown=nonroot:nonroot /out/data /data
WORKDIR /data

# Loopback, the default, would be reached by nobody outside the container. Host values other than
# loopback names have to be named in MCP_ALLOWED_HOSTS.
ENV MCP_LISTEN=0.0.0.0:8000

USER nonroot
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/lucarne", "health"]
ENTRYPOINT ["/usr/local/bin/lucarne"]
CMD ["serve"]
