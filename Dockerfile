# The driver's image: Node, the files of dist and koffi with its native library for one architecture. No shell, no package
# manager, no mount(8). For several architectures: docs/installation.md.
#
# Any image of Node 24.15 or later with npm and a shell will do; what reaches the final image is its `node` and the libraries of
# that.
ARG NODE_IMAGE=node:24-bookworm-slim

# Bundles on the machine's own architecture, with koffi's library for the target's.
FROM --platform=${BUILDPLATFORM:-linux/amd64} ${NODE_IMAGE} AS build
# Without a default: that would count before what the builder says.
ARG TARGETARCH
# Another source of npm packages, such as a mirror; npm reads this variable.
ARG NPM_CONFIG_REGISTRY
WORKDIR /src
COPY package.json package-lock.json .npmrc LICENSE ./
RUN npm ci --no-audit --no-fund
COPY .ci .ci
COPY proto proto
COPY deploy/chart/charts/crds deploy/chart/charts/crds
COPY deploy/chart/files/image-pulls deploy/chart/files/image-pulls
COPY src src
RUN npm run --silent build
# On the machine's own architecture koffi's library is installed already.
RUN cpu=${TARGETARCH:-$(node -p process.arch)} \
    && { [ "$cpu" != amd64 ] || cpu=x64; } \
    && library=node_modules/@koromix/koffi-linux-$cpu \
    && { [ -d "$library" ] || npm ci --no-audit --no-fund --omit=dev --ignore-scripts --os=linux --cpu="$cpu"; } \
    && mkdir -p /out/app/dist /out/app/node_modules/@koromix \
    && cp dist/* /out/app/dist/ \
    && cp package.json LICENSE /out/app/ \
    && cp -R node_modules/koffi /out/app/node_modules/ \
    && cp -R "$library" /out/app/node_modules/@koromix/ \
    && cd /out/app/node_modules/koffi && rm -rf doc lib vendor src/koffi/src/abi src/koffi/src/*.cc src/koffi/src/*.hh

# The target's files, which are only read: the machine needs no emulation of its processor. Named, since buildah would go on
# with the platform of the stage before.
FROM --platform=${TARGETPLATFORM:-linux/amd64} ${NODE_IMAGE} AS node

# The target's node with the shared libraries that it is linked to, their licences, and nothing else. Its path is that of the
# Node that reads it, which is of the same image for the machine's own architecture.
FROM --platform=${BUILDPLATFORM:-linux/amd64} ${NODE_IMAGE} AS runtime
COPY .ci/runtime.mjs /
RUN --mount=type=bind,from=node,target=/image node /runtime.mjs /image "$(node -p process.execPath)" /out

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="connectors-csi" \
      org.opencontainers.image.description="Kubernetes CSI node driver that mounts Connector proxy configuration and short-lived tokens into pods" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=runtime /out /
COPY --from=build /out /
# One heap for the C library: several keep what thousands of short connections have used.
ENV PATH=/usr/local/bin NODE_ENV=production MALLOC_ARENA_MAX=1
WORKDIR /app
# root: mounting needs it. No HEALTHCHECK: the kubelet's probes ask /healthz and /readyz.
USER 0:0
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
