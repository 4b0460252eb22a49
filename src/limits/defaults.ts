/**
 * Every limit on what pods, clients, tools and the API server can make the driver or the proxy use, with its unit in its name
 * and its reason. docs/limits.md is generated from it. Limits that a format or the kernel sets stand where they are checked.
 */
export const limits = {
  /** Dynamic shares: the minimum for a holder that uses nothing yet. See limits/dynamic-share.ts. */
  floors: {
    /** Part of a capacity that each such holder can get. */
    share: 1 / 64,
    /** Holders that can get it at the same time. */
    holders: 8,
  },
  /** Publishes of the driver, first ones and refreshes. See limits/publish-admission.ts. */
  publishes: {
    /** Publishes in flight on a node: `--max-publishes-in-flight`. */
    inFlight: 1024,
    /** Publishes in flight of one pod: `--max-publishes-per-pod`. Few pods have more than three volumes of the driver. */
    perPod: 32,
    /** Largest part of what other namespaces leave for one namespace. */
    namespaceShare: 1 / 2,
    /**
     * Running calls: `--max-concurrent-publishes`. There is one thread, so more would not end sooner, and each can use the
     * memory of one volume's templates (32 MiB).
     */
    running: 4,
  },
  /** Refreshes that the driver starts because an object has changed. See driver/volume/refresh-on-change.ts. */
  refreshes: {
    /** Refreshes in flight. */
    inFlight: 32,
    /** Largest part of these for one namespace. Most refreshes wait for others. */
    namespaceShare: 1 / 4,
    /** CPU time of the main thread. */
    work: {
      /** Milliseconds at once. */
      burst: 600,
      /** Interval for one more millisecond. */
      everyMs: 5,
    },
    /** CPU time of a refresh in addition to rendering and writing. */
    overheadMs: 0.5,
    /** Time after a refresh without another one of the volume; longer after a long render. */
    cooldownMs: {
      /** Shortest time. */
      least: 1000,
      /** Longest time. */
      most: 30_000,
    },
  },
  /**
   * Failed publishes of one pod. Each costs the API server reviews, and the kubelet retries each volume by itself. See
   * limits/publish-admission.ts.
   */
  failedPublishes: {
    /** Failures at once. */
    burst: 32,
    /** Interval for one more. Until then the pod's publishes are rejected, except those of mounted volumes. */
    everyMs: 250,
    /** Pods that are tracked. */
    pods: 1024,
  },
  /** Caches of the driver's decisions about access. */
  access: {
    /** Lifetime of an allowed decision: a revoked permission is noticed after this time. */
    allowedTtlMs: 60_000,
    /** Lifetime of a denied decision: a new permission is noticed after this time. */
    deniedTtlMs: 5_000,
    /** Cached decisions, and as many denials. A node has 110 pods with a handful of connectors each. */
    decisions: 4096,
    /** Volumes that wait for approval: several times the volumes of a full node. */
    approvalWaits: 1024,
    /** Watched AccessRequests of mounted volumes: twice the pods of a full node. Others are read by the next republish. */
    watchedApprovals: 256,
  },
  /** Caches of the proxy's decisions about access. */
  proxyAccess: {
    /** Lifetime of an allowed decision: what uses a revoked permission ends after this time. */
    allowedTtlMs: 10_000,
    /** Lifetime of a denied decision: a new permission is noticed after this time. */
    deniedTtlMs: 5_000,
  },
  /** Connections of clients of the proxy. One uses 12 KiB, 44 with TLS, and headers (docs/proxy-reference.md). */
  connections: {
    /** Open connections: `--max-connections`. */
    total: 2048,
    /**
     * Largest part of the free connections for one client address: 256. Node accepts one connection per iteration of the event
     * loop, which serves all that are readable. With more of them, new clients wait longer.
     */
    share: 1 / 8,
    /**
     * Connections that wait to be accepted, since each step of a pipeline starts with some; the kernel also applies
     * net.core.somaxconn, usually 4096.
     */
    backlog: 4096,
    /** From the first byte of a request to the end of its headers, and before the first byte. */
    headersMs: 30_000,
    /** Idle connection between requests; longer than clients keep theirs, so that a client closes it. */
    idleMs: 75_000,
    /** TLS handshake in a tunnel, and before its first byte. */
    handshakeMs: 30_000,
    /** From the end of a response until the client has read it, before the connection serves the next request. */
    flushMs: 30_000,
  },
  /** Requests in flight at the proxy. Each has buffers and a connection to a tool (docs/proxy-reference.md). */
  requestsInFlight: {
    /** Requests: `--max-requests-in-flight`. */
    total: 512,
    /** Largest part of the free requests for one pod, or one address without a token. */
    share: 1 / 2,
    /** Request body that is kept, so that the request can be repeated with a renewed credential. */
    repeatableBytes: 64 << 10,
  },
  /** Connections of the proxy to tools. */
  toolSockets: {
    /** Connections: `--max-tool-connections`. */
    total: 768,
    /** Idle connections that are kept. A new connection costs ten times a request. */
    idle: 256,
    /** TLS sessions that are kept, by which later connections resume. */
    sessions: 256,
    /** Lifetime of an idle connection; shorter than the keep-alive of usual servers. */
    idleMs: 15_000,
    /** Connections of one namespace to one tool that are being opened. Further requests wait for one, or for an idle one. */
    opening: 8,
    /** Longest wait of such a request. Then its connection is opened in any case. */
    openingWaitMs: 250,
    /**
     * Largest part of the free connections for one namespace. With it, and with at least half more connections than requests in
     * flight, each request gets its connection.
     */
    namespaceShare: 3 / 4,
  },
  /** Content of one Connector. */
  connector: {
    /** URLs in `spec.address` and `spec.addressExtensions` together: each request is compared with those at its host. */
    addresses: 64,
    /** PEM bundle of its CAs. Parsed certificates use five times its size, and the CA certificates of a system are fewer. */
    caBytes: 256 << 10,
    /** Certificates in this bundle. A malformed block takes longer to parse than a certificate. */
    caCertificates: 512,
    /** A `.dockerconfigjson`. The proxy serves no other request while it parses one. */
    dockerConfigBytes: 256 << 10,
  },
  /** Rules of one Connector, or of one class, which each request is compared with. See rules/parse-rules.ts. */
  rules: {
    /** Characters of the annotation. The longest of the repository's classes has 1,600. */
    characters: 16 << 10,
    /** Rules. */
    count: 100,
    /** Paths of one rule. */
    paths: 20,
    /** Segments of all paths: one takes up to a microsecond for each reading of a path of 100 segments. */
    segments: 1000,
    /** Characters of one segment of a path. */
    segmentCharacters: 256,
    /** YAML tokens of the annotation. A usual line has twenty. */
    tokens: 4000,
    /** Segments in the path of a request. Deep repositories have thirty. */
    requestSegments: 100,
    /** Parameters in the query of a request. */
    parameters: 256,
    /** Time for the body of a batch request of Git LFS, which is read before the decision. */
    bodyMs: 30_000,
  },
  /** Limits that owners of Connectors set for each pod. See rules/client-limits.ts. */
  clientLimits: {
    /** Largest number of requests per second. */
    perSecond: 10_000,
    /** Largest number of requests in flight. */
    concurrent: 512,
    /** Pairs of Connector and pod whose rate is tracked. */
    tracked: 4096,
  },
  /** Trust stores of Connectors with own CAs. One uses 1 MB and takes 20 ms to create. */
  trustStores: {
    /** Trust stores in memory. */
    count: 48,
    /** Trust stores that the proxy creates for one namespace. See proxy/upstream/trust.ts. */
    creations: {
      /** Trust stores at once. */
      burst: 32,
      /** Interval for one more. */
      everyMs: 250,
      /** Longest wait for one; then the response is 429. */
      longestMs: 5_000,
      /** Waiting requests of all namespaces. */
      waiting: 512,
      /** Namespaces that are tracked. */
      keys: 4096,
    },
  },
  /** Certificates that the proxy signs for the hosts of Connectors. */
  certificates: {
    /** Lifetime. They cannot be revoked, so it is short. */
    validMs: 24 * 3_600_000,
    /** Hosts whose certificate is cached. */
    hosts: 1000,
  },
  /** Registries that the proxy has probed. A tool chooses the length of what is cached, so it is limited too. */
  registries: {
    /** Addresses of Connectors with their token services. */
    addresses: 4096,
    /** Characters of a realm, service or scope. */
    nameLength: 2048,
    /** Tokens of token services. */
    tokens: 2048,
    /** Characters of one token. */
    tokenLength: 16 << 10,
  },
  /** Requests of the proxy itself to registries, token services and issuers. */
  ownRequests: {
    /** Time for one request with its response. */
    timeoutMs: 30_000,
    /** Bytes of a response. */
    bodyBytes: 64 << 10,
  },
  /** Tokens that the proxy requests for Secrets of issuers. They are cached with those of registries. See proxy/credential/issuer. */
  issuedTokens: {
    /** Shortest interval of two requests for one credential. */
    everyMs: 5_000,
    /** Credentials whose last request is known. */
    credentials: 4096,
    /** Life of a token in the cache. */
    longestLifeMs: 24 * 3_600_000,
    /** Characters of a private key in PEM. An RSA key of 4096 bits has 3,300. */
    privateKeyLength: 8 << 10,
  },
  /** Header section of a request or response. A user name of 6 KiB and a token take 10 KiB. */
  headers: {
    /** Bytes of the section. */
    bytes: 16 << 10,
    /** Header lines. */
    lines: 256,
  },
  /**
   * Requests with too many informational responses (1xx) of one Connector's tools, or of the hosts that one pod chooses. See
   * proxy/upstream/informational-limiter.ts.
   */
  informationalFloods: {
    /** Such requests at once. */
    burst: 8,
    /** Interval for one more. */
    everyMs: 30_000,
    /** Connectors and pods that are tracked. */
    owners: 1024,
  },
  /** Chunks in reads with more than 256 chunks. One takes a microsecond, so chunks of one byte would use all of the thread. */
  smallChunks: {
    /** Chunks at once. */
    burst: 20_000,
    /** Interval for one more chunk. */
    everyMs: 1 / 20,
  },
  /**
   * Times that text of a request is percent-decoded, and that a path can be encoded. Servers decode once or twice, and each
   * gateway in between perhaps once more.
   */
  percentDecodings: 4,
  /** Requests on one connection that a client sends without waiting for responses, as apt does. */
  pipeline: {
    /** Requests, the one in flight included. */
    requests: 16,
    /** Bytes of their headers. */
    requestHeaderBytes: 32 << 10,
  },
  /**
   * Time that the transfer of one request can outlive its token: a layer of 20 GB takes longer than a token lives, but no
   * transfer lasts without a limit.
   */
  transferGraceMs: 3_600_000,
  /** Time that a tunnel or an upgraded connection can outlive its token. */
  tunnelGraceMs: 5 * 60_000,
  /** Identification of one client. */
  clients: {
    /** Connectors in a user name: as many as a volume can have. */
    connectors: 32,
    /** Characters of `Proxy-Authorization`: base64 of a user name of 6 KiB, percent-encoded, and a token. */
    authorizationLength: 48 << 10,
  },
  /** Verdicts about tokens of clients. */
  tokens: {
    /** Lifetime of a valid verdict: a deleted pod's token is rejected after this time. */
    validTtlMs: 60_000,
    /** Lifetime of an invalid verdict. */
    invalidTtlMs: 5_000,
    /** Cached valid verdicts. */
    valid: 20_000,
    /** Cached invalid verdicts. One address gets some fifty reviews of forged tokens within their lifetime. */
    invalid: 4096,
  },
  /** Failed reviews that the API server gets because of one client address, or one pod. See limits/failure-rate-limiter.ts. */
  failedReviews: {
    /** Failed reviews at once. */
    burst: 32,
    /** Interval for one more. */
    everyMs: 250,
    /** Longest wait for a review; then the response is 429. */
    longestMs: 5_000,
    /** Waiting requests of all clients. */
    waiting: 512,
    /** Addresses and pods that are tracked. */
    keys: 4096,
  },
  /**
   * Responses of the proxy to rejected requests of one pod, or of one client address without a valid token. A client that shows
   * its token only after a 407 gets one for each connection. See proxy/server/rejection-rate-limiter.ts.
   */
  rejections: {
    /** Rejections at once. */
    burst: 100,
    /** Interval for one more. */
    everyMs: 10,
    /** Longest delay of a rejection. */
    longestMs: 5_000,
    /** Pods and addresses that are tracked. */
    clients: 4096,
  },
  /** TLS handshakes at `--tls-address` of one client address. See proxy/server/tls-listener.ts. */
  tlsHandshakes: {
    /** Handshakes at once: a build opens dozens of connections when it starts. */
    burst: 200,
    /** Interval for one more: 50 a second take a twentieth of a CPU. */
    everyMs: 20,
    /** Longest delay of a handshake. */
    longestMs: 5_000,
    /** Addresses that are tracked. */
    clients: 4096,
  },
  /** Lines in the proxy's log about failed requests of one client. See proxy/server/request-log.ts. */
  requestLog: {
    /** Lines at once. */
    burst: 60,
    /** Interval for one more. */
    everyMs: 5_000,
    /** Clients that are tracked. */
    clients: 4096,
    /** Interval in which the number of suppressed lines is logged. */
    reportMs: 60_000,
  },
  /** Secrets of Connectors. */
  secrets: {
    /** One Secret. Credentials and CA bundles can have 256 KiB. */
    objectBytes: 512 << 10,
    /** All cached Secrets. Those of the namespace with most are evicted first. */
    cachedBytes: 16 << 20,
    /** Lifetime in the cache: a changed password is used after this time, or once the tool has rejected the old one. */
    ttlMs: 10_000,
  },
  /** Objects of the API server. Larger ones are skipped without parsing. See kube/object-admission.ts. */
  objects: {
    /** A Connector. JSON of small values uses up to 29 times its length in memory. */
    connectorBytes: 64 << 10,
    /** A ConnectorClass with its templates. etcd takes 1.5 MiB. */
    connectorClassBytes: 1 << 20,
    /** An object of another kind. A ConfigMap cannot be larger. */
    otherBytes: 1 << 20,
    /** Managed fields of an object, and the list or event around it. */
    envelopeBytes: 64 << 10,
    /** An object that is over its limit is read to learn its name. Requests to the API server have at most 3 MiB, etcd takes half. */
    largestBytes: 3 << 20,
    /** Objects in a page of a list. */
    pageLength: 500,
    /** A page of a list as received. Its objects are parsed one after the other. */
    pageBytes: 1 << 20,
    /** A list that is read as a whole, such as the AccessRequests of one pod. */
    listBytes: 8 << 20,
    /** Bytes of changed objects of one namespace, or of one class. */
    changes: {
      /** Bytes at once. */
      burst: 4 << 20,
      /** Interval for one more byte: 256 KiB a second. */
      everyMs: 1000 / (256 << 10),
    },
  },
  /** Requests to the API server. See kube/api-request-limiter.ts and kube/connection-pool.ts. */
  api: {
    /** Requests in flight, and watches until they are open. */
    inFlight: 32,
    /** Waiting requests. */
    waiting: 8192,
    /** Largest part of the free places in this queue for one namespace. */
    namespaceShare: 1 / 2,
    /** Connections. An API server allows a hundred streams on each. */
    connections: 32,
    /** Response that is read, except lists and watch events. */
    responseBytes: 1 << 20,
  },
  /** DNS lookups of the proxy. See proxy/upstream/resolver.ts. */
  lookups: {
    /** Threads of libuv (`UV_THREADPOOL_SIZE`). Half can look up names; the others are for the API server's name. */
    threads: 64,
    /** Hosts that clients choose. */
    client: {
      /** Lookups in flight. */
      inFlight: 12,
      /** Waiting lookups. */
      waiting: 1024,
    },
    /** Hosts of Connectors. */
    connector: {
      /** Lookups in flight. */
      inFlight: 12,
      /** Waiting lookups. */
      waiting: 1024,
    },
    /** Largest part of these for one namespace. */
    namespaceShare: 1 / 4,
    /** Longest wait of a lookup; then the response is 503. */
    longestWaitMs: 8_000,
    /** Lifetime of cached addresses. */
    ttlMs: 2_000,
    /** Age up to which older addresses are used while the DNS server does not answer (serve-stale, RFC 8767). */
    staleMs: 300_000,
    /** Hosts with cached addresses. */
    hosts: 1000,
  },
  /** Connectors whose status the proxy evaluates. The other requests at the API server are for clients. */
  status: {
    /** Connectors at the same time. */
    permits: 8,
    /** Largest part of these for one namespace: a tool that does not respond takes ten seconds. */
    namespaceShare: 1 / 2,
    /** Interval of checks of Connectors that are not ready. */
    unreadyEveryMs: 50,
  },
  /** Probes of ConnectorClasses. */
  probes: {
    /** Characters of an expression or a template. Those in use have a hundred. */
    textLength: 4096,
    /** Headers of a probe. */
    headers: 16,
    /** Body of a tool's response that a probe reads. */
    bodyBytes: 64 << 10,
    /** Redirects that a probe follows. Sites use one or two; more is a loop. */
    redirects: 5,
    /**
     * Work of an expression, counted as for `generators`: three searches with a short pattern in the longest body. No value
     * gets longer than some 700,000 characters, which take a fraction of the thread's heap.
     */
    work: 4 << 20,
  },
  /** Expressions of ConnectorClasses that make credentials, in a thread. See proxy/generator/generators.ts. */
  generators: {
    /** Characters of an expression. Those in use have 500. */
    textLength: 8192,
    /** Nodes of a parsed expression. */
    nodes: 2000,
    /** Nesting of its nodes. */
    depth: 64,
    /** Compiled expressions that a thread keeps. */
    compiled: 64,
    /**
     * Work of one evaluation: a character that a function reads is one or two, a node of the expression 32. In a search with
     * a pattern, a character is 16 and 1/4 of the pattern's instructions, an instruction 128. Takes some milliseconds. V8
     * cannot interrupt searches in text and conversions of long numbers, so they are counted.
     */
    work: 256 << 10,
    /** Characters of all values of a Secret, which are copied for each evaluation. */
    secretCharacters: 128 << 10,
    /** Characters of path and query that an expression can see. Most servers take no more. */
    requestCharacters: 8192,
    /** Headers of a result. */
    headers: 16,
    /** Query parameters of a result. */
    parameters: 16,
    /** Characters of all names and values of a result; tools reject longer headers. */
    resultCharacters: 8192,
    /** CPU time of one evaluation, which takes a tenth of a millisecond. */
    evaluationMs: 10,
    /** Additional CPU time if a thread sees an expression for the first time. */
    compileMs: 250,
    /** Time to start a thread, which takes some 100 ms on an idle node. */
    startMs: 30_000,
    /** Time after which a thread without work ends. */
    idleMs: 10_000,
    /** Heap of a thread. */
    heapMb: 32,
    /** Evaluations of one namespace that wait; each takes memory for its request. */
    waitingEach: 512,
    /** Time for which an expression that exceeded time or memory is not evaluated again in its namespace. */
    pauseMs: 30_000,
    /**
     * Longest such time: it doubles if the expression exceeds them again with the same version of a Secret. Each time costs
     * the others the start of a thread.
     */
    longestPauseMs: 600_000,
    /** Number of such expressions that are tracked. */
    paused: 1024,
    /** Results by expression that are kept with a Secret. */
    resultsOfSecret: 16,
  },
  /** Cached objects of the driver. See connectors/on-demand-informer.ts. */
  watches: {
    /** Watched Connectors, and as many classes: `--max-watched-objects`. A full node of 110 pods can use nine in each. */
    count: 1000,
    /** Estimated memory of cached objects: `--max-object-memory`. */
    bytes: 32 << 20,
    /** Largest part of the free watches and memory for one pod. */
    podShare: 1 / 4,
    /** Largest part of the free watches and memory for one namespace. */
    namespaceShare: 1 / 2,
  },
  /**
   * A file of YAML: a kubeconfig or manifests. See kube/yaml-documents.ts. Its author is trusted, but the thread is busy while
   * it is read: up to 70 ms at these limits.
   */
  yaml: {
    /** Characters. */
    characters: 512 << 10,
    /** Tokens. A usual line has four; each escape counts as one, since each can be a mistake. */
    tokens: 15_000,
    /** Aliases. For each, the library goes through the text before it. */
    aliases: 500,
    /** Nested collections. */
    depth: 64,
  },
  /** One client's connection to a gRPC socket of the driver. The kubelet opens one for every call and closes it. */
  grpcConnection: {
    /** Time without a call. */
    idleMs: 60_000,
    /** Age. */
    ageMs: 600_000,
    /** Time that calls on a connection of this age have left. */
    ageGraceMs: 150_000,
    /** Interval of keepalive pings: the end of a client that has broken the protocol is not noticed otherwise. */
    keepaliveMs: 20_000,
    /** Time for the response to a ping. */
    keepaliveTimeoutMs: 20_000,
    /** Calls in flight. The kubelet has one on each connection. */
    streams: 8,
    /** One request. The volume attributes take at most 192 KiB of it, and tokens of ten audiences 20 KiB. */
    requestBytes: 256 << 10,
  },
  /** The driver's CSI socket. The kubelet can connect for all volumes of a node at once. */
  csiSocket: {
    /** Connections: more than publishes can be in flight. */
    connections: 4096,
    /** Connections that wait to be accepted; the kernel also applies net.core.somaxconn, usually 4096. */
    backlog: 4096,
  },
  /** The driver's registration socket. */
  registrationSocket: {
    /** Connections. */
    connections: 16,
    /** Connections that wait to be accepted. */
    backlog: 16,
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
  /** Events on pods. See driver/pod-events.ts. */
  podEvents: {
    /** Events of one pod. */
    ofPod: {
      /** Events at once. */
      burst: 6,
      /** Interval for one more. */
      everyMs: 60_000,
    },
    /** Events of a node. */
    ofNode: {
      /** Events at once. */
      burst: 120,
      /** Interval for one more. */
      everyMs: 1000,
    },
    /** Interval in which a lasting failure is reported again. */
    repeatMs: 300_000,
    /** Volumes with waiting events, and pods that are tracked. */
    waiting: 512,
  },
  /** Content of one volume. */
  volume: {
    /** Files. */
    files: 128,
    /** Content of all files. */
    bytes: 1 << 20,
    /** Variables in one file `NAME.environment`. */
    variables: 256,
    /** One volume attribute. */
    attributeBytes: 32 << 10,
    /** User name in the proxy URL, which travels in a request header. */
    userBytes: 6 << 10,
  },
  /** Memory of volumes. Pages of a tmpfs are charged to the driver's pod, also after a restart. See limits/volume-memory.ts. */
  volumeMemory: {
    /**
     * Part of the container's limit for the process: `--memory-reserve`. The process has at most 125 MB, and the kernel uses
     * some. A restarted driver needs it while all volumes still exist.
     */
    reserveBytes: 160 << 20,
    /** Pages of a tmpfs in addition to two revisions: for replaced files that a pod keeps open. */
    sparePages: 16,
    /** Inodes in addition to two revisions: for the same files. */
    spareInodes: 16,
    /** Kernel memory of a tmpfs: superblock and mounts. Measured on Linux 6.18, x86-64: 5.7 KiB. */
    volumeBytes: 8 << 10,
    /** Kernel memory of an inode with its name. Measured: at most 1,122 bytes on average; a file has four. */
    inodeBytes: 1280,
    /** Largest part of the free memory for the volumes of one pod. */
    podShare: 1 / 8,
    /** Largest part of the free memory for the volumes of one namespace. */
    namespaceShare: 1 / 2,
    /** Part of the memory reserved for namespaces with little that growing volumes can use. */
    growthPart: 1 / 2,
    /** Memory of a request in the heap of the process. See driver/volume/request-memory.ts. */
    heap: {
      /**
       * A byte in the heap counts as so many: V8 limits the heap to half of the container's memory, and needs a part of it for
       * garbage.
       */
      weight: 3,
      /** A call without its request, and what the caches have of its volume. */
      callBytes: 8 << 10,
      /** An attribute or a key of a Secret without its text, which has two bytes for each character. */
      entryBytes: 128,
      /** A value of a list or of JSON without its text. */
      valueBytes: 96,
    },
    /**
     * A call for a mounted volume that counts for no more than this is not limited, and a volume of an earlier process counts for
     * so much, as its request is not known.
     */
    refreshBytes: 128 << 10,
  },
} as const;
