# syntax=docker/dockerfile:1
# The program, its production dependencies and Node; no shell, no package manager, no root.

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# None of them needs a script of its own, so none may run one.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json LICENSE ./
COPY src ./src
COPY docs/generate/write-revision.mjs ./docs/generate/
# The commit, for `--version` and the metric build_info; there is no git in here.
ARG REVISION=""
RUN REVISION="$REVISION" npm run build
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund
RUN mkdir state

FROM gcr.io/distroless/nodejs24-debian12:nonroot
ARG REVISION=""
ARG VERSION=""
LABEL org.opencontainers.image.title="openai-usage-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the usage and costs of an OpenAI organization" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# For the state file: a new volume mounted here takes over the owner.
COPY --from=build --chown=65532:65532 /app/state /var/lib/openai-usage-exporter
# Pages come and go in large pieces: given back to the system at once, they do not pile up (docs/performance.md).
ENV NODE_ENV=production \
    STATE_DIRECTORY=/var/lib/openai-usage-exporter \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072
USER nonroot
EXPOSE 9185
# Asks where OPENAI_EXPORTER_WEB_LISTEN_ADDRESS says, or on port 9185.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["/nodejs/bin/node", "/app/dist/main.js", "health"]
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/main.js"]
