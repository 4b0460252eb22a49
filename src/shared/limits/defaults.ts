/**
 * Limits of both programs, and of the packages that both use, each with its unit in its name and its reason. Limits that a
 * format or the kernel sets stand where they are checked. Those with `@listed` are in docs/limits.md, as in src/proxy/limits.ts.
 */
export const limits = {
  /** Dynamic shares: the minimum for a holder that uses nothing yet. See shared/limits/dynamic-share.ts. */
  guaranteedShares: {
    /** Part of a capacity that each such holder can get. */
    share: 1 / 64,
    /** Holders that can get it at the same time. */
    holders: 8,
  },
  /** Caches of the driver's decisions about access. */
  access: {
    /** Lifetime of an allowed decision: a revoked permission is noticed after this time. */
    allowedTtlMs: 60_000,
    /** Lifetime of a denied decision: a new permission is noticed after this time. */
    deniedTtlMs: 5_000,
    /** Cached decisions, and as many denials. A node has 110 pods with a handful of connectors each. */
    decisions: 4096,
    /** Characters of the message of an AccessRequest's condition: more than the author of a pod needs to read. */
    messageCharacters: 2000,
  },
  /** Connections of clients of the proxy. One uses 12 KiB, 44 with TLS, and headers (docs/limits.md). */
  connections: {
    /** Connections of clients, 72 KiB each: `--max-connections`. @listed idle ones closed */
    total: 2048,
    /**
     * Connections that wait to be accepted, since each step of a pipeline starts with some; the kernel also applies
     * net.core.somaxconn, usually 4096.
     */
    backlog: 4096,
    /** From the first byte of a request to the end of its headers, and before the first byte. */
    headersMs: 30_000,
    /** Idle connection of a client. Clients keep theirs for less, so that they close it. @listed closed */
    idleMs: 75_000,
    /** TLS handshake in a tunnel, and before its first byte. */
    handshakeMs: 30_000,
    /** From the end of a response until the client has read it, before the connection serves the next request. */
    flushMs: 30_000,
  },
  /** Objects of the API server. Larger ones are skipped without parsing. See shared/kube/object-admission.ts. */
  objects: {
    /** A Connector. JSON of small values uses up to 29 times its length in memory. @listed `FailedPrecondition` */
    connectorBytes: 64 << 10,
    /** A ConnectorClass with its templates. etcd takes 1.5 MiB. @listed `FailedPrecondition` */
    connectorClassBytes: 1 << 20,
    /** An object of another kind. A ConfigMap cannot be larger. */
    otherBytes: 1 << 20,
    /** Managed fields of an object, and the list or event around it. */
    envelopeBytes: 64 << 10,
    /** An object that is over its limit is read to learn its name. Requests to the API server have at most 3 MiB, etcd takes half. */
    largestBytes: 3 << 20,
    /** Rejected objects of one kind whose reason is kept, those of the namespace with the fewest first. */
    rejected: 4096,
    /** Objects in a page of a list. */
    pageLength: 500,
    /** A page of a list as received. Its objects are parsed one after the other. */
    pageBytes: 1 << 20,
    /** A list that is read as a whole, such as the AccessRequests of one pod. */
    listBytes: 8 << 20,
    /** An audience, which becomes a part of requests and messages. Real ones are far shorter. */
    audienceCharacters: 1024,
    /** Keys of an object, and their sequences that are kept to estimate memory. See shared/kube/object-admission.ts. */
    layouts: {
      /** Sequences. */
      count: 4096,
      /** Characters of one. */
      characters: 256,
    },
    /** Bytes of changed objects of one namespace, or of one class. */
    changes: {
      /** Bytes at once. */
      burst: 4 << 20,
      /** Interval for one more byte: 256 KiB a second. */
      everyMs: 1000 / (256 << 10),
    },
  },
  /** Requests to the API server. See shared/kube/api-request-limiter.ts and shared/kube/api-connections.ts. */
  api: {
    /** Requests in flight, and watches until they are open. */
    inFlight: 32,
    /** Waiting requests. */
    waiting: 8192,
    /** Largest part of the free places in this queue for one namespace. */
    namespaceShare: 1 / 2,
    /** Connections, opened as they are needed. An API server allows a hundred streams on each, and a watch takes one. */
    connections: 64,
    /** Characters of an error's message. */
    messageCharacters: 1000,
    /** Response that is read, except lists and watch events. */
    responseBytes: 1 << 20,
  },
  /** Cached objects of the driver. See driver/connectors/on-demand-informer.ts. */
  watches: {
    /** Connectors in use on a node, and as many classes: `--max-watched-objects`. @listed `ResourceExhausted` */
    count: 1000,
    /** Estimated memory of these: `--max-object-memory`. @listed `ResourceExhausted` */
    bytes: 32 << 20,
    /** Part of these objects for one pod. @listed `ResourceExhausted` */
    podShare: 1 / 4,
    /** Part of these objects and their memory for one namespace. @listed `ResourceExhausted` */
    namespaceShare: 1 / 2,
  },
  /** YAML: a kubeconfig, manifests, or rules. See shared/kube/yaml-documents.ts. */
  yaml: {
    /** Characters of a manifest file or kubeconfig. @listed not read */
    characters: 512 << 10,
    /** Nested collections. The library ends the process for some thousands. */
    depth: 64,
  },
  /** Log lines for a blocked reader. A pipe has room for another 64 KiB. */
  log: {
    /** Queued lines. */
    maxQueuedBytes: 256 << 10,
    /** Time in which lines are gathered into one write. */
    gatherMs: 10,
  },
  /** The port of metrics and probes, which the whole pod network can reach. */
  healthPort: {
    /** Open connections. Beyond it, the oldest without a request is closed. */
    connections: 256,
    /** Headers of a request. */
    requestHeaderBytes: 8192,
    /** Lifetime of a connection. */
    connectionMs: 5000,
    /** Age up to which generated metrics are served again. */
    metricsMs: 1000,
  },
} as const;
