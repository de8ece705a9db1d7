# The program, its production dependencies and Node; no shell, no package manager, no root. BuildKit (Docker 23 or later)
# and Buildah build it, for every architecture that the second image has. A release gives both images with their digests:
#
#   docker build --build-arg RUN_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot@sha256:… -t openai-usage-exporter .

ARG BUILD_IMAGE=node:24.21.0-bookworm-slim
ARG RUN_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

# What comes out is the same for every architecture, so this runs on the builder's own. None of the packages needs a script
# of its own, so none may run one.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM packages AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# Types and maps are for those who compile and debug, and more than a third of it all.
RUN find node_modules -type f '(' -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' ')' -exec rm {} +

FROM packages AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json LICENSE ./
COPY src ./src
COPY docs/generate/write-revision.mjs docs/generate/bundle-thread.mjs ./docs/generate/
RUN npm run build && mkdir state
# The commit, for `--version` and the metric build_info; there is no git in here.
ARG REVISION=""
RUN REVISION="$REVISION" node docs/generate/write-revision.mjs

FROM ${RUN_IMAGE}
ARG REVISION=""
ARG VERSION=""
ARG RUN_IMAGE
LABEL org.opencontainers.image.title="openai-usage-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the usage and costs of an OpenAI organization" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="https://github.com/openai-usage-exporter/openai-usage-exporter" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="$RUN_IMAGE"
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# For the state file: a new volume mounted here takes over the owner.
COPY --from=build --chown=65532:65532 /app/state /var/lib/openai-usage-exporter
# Pages come and go in large pieces: given back to the system at once, they do not pile up (docs/performance.md).
ENV NODE_ENV=production \
    STATE_DIRECTORY=/var/lib/openai-usage-exporter \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072
# Distroless's nonroot, as a number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 9185
# Asks where OPENAI_EXPORTER_WEB_LISTEN_ADDRESS says, or on port 9185.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["/nodejs/bin/node", "/app/dist/main.js", "health"]
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/main.js"]
