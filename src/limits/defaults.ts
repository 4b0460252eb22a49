/**
 * Every bound on what others can make the driver hold or do, in one place. Names carry the units. What an operator may want
 * to choose is the default of a flag (driver/config.ts), which is named beside it.
 */
export const limits = {
  /**
   * Of everything that is shared out: the share that a holder of nothing gets whatever others hold, and how many such
   * holders there can be at a time. See dynamic-share.ts.
   */
  floors: { share: 1 / 64, holders: 8 },
  /** Publishes, first ones and refreshes; see publish-admission.ts. */
  calls: {
    /** In units: `--max-publishes-in-flight`. */
    inFlight: 1024,
    /** In units: `--max-publishes-per-pod`. Few pods have more than three volumes of ours. */
    perPod: 32,
    /** A call is one unit and another one for so many bytes of its request, which is held while the call waits. */
    bytesPerUnit: 4096,
    /**
     * Calls, waits not counted: `--max-concurrent-publishes`. There is one thread, so more would end none sooner, but each
     * may hold the memory that one volume's templates may use (32 MiB).
     */
    atWork: 4,
  },
  /** Refreshes that the driver begins because an object has changed; see driver/volume/refresh-on-change.ts. */
  refreshes: {
    /** For all, and how much of it one namespace can have: most of them wait. */
    inFlight: 32,
    namespaceShare: 1 / 4,
    /** Milliseconds of work in the thread that answers calls: at once, and one more in so many milliseconds. */
    work: { burst: 600, everyMs: 5 },
    /** Milliseconds that each takes besides rendering and writing. */
    overheadMs: 0.5,
    /** A volume rests for at least so long, and up to so long after a render in a thread that took long. */
    restMs: { least: 1000, most: 30_000 },
  },
  /** Answers to publishes that fail; see publish-failure-throttle.ts. */
  failures: {
    /** Of one pod: so many at once, one in so many milliseconds from then on, and none later than so. */
    burst: 32,
    everyMs: 250,
    longestMs: 20_000,
    /** Calls that are held, in units as above; what is more is answered at once. And pods that are remembered. */
    units: 1024,
    pods: 1024,
  },
  /** Connections of clients of the proxy: `--max-connections`. One takes 12 KiB, 44 with TLS, and headers (docs/proxy-reference.md). */
  connections: {
    total: 2048,
    /**
     * Largest part of the total minus the others' that one client address can have: 256. With three times as many, a client
     * without a token delays the requests of others by many seconds.
     */
    share: 1 / 8,
  },
  /** Requests in flight at the proxy: `--max-requests-in-flight`. Each has buffers and a connection to a tool (docs/proxy-reference.md). */
  exchanges: {
    total: 512,
    /** Largest part of the total minus the others' that one pod, or one address without a token, can have. */
    share: 1 / 2,
  },
  /** Connections of the proxy to tools: `--max-tool-connections`. */
  toolSockets: {
    total: 768,
    /** Kept for later requests. Bursts of requests that find none open connections, which cost ten times a request. */
    idle: 256,
    /**
     * Largest part of the total minus the others' that one namespace can have. With it, and with at least half more
     * connections than requests in flight, each request gets its connection.
     */
    namespaceShare: 3 / 4,
  },
  /**
   * What the proxy remembers of registries: how many addresses of Connectors with their token services, and how many tokens.
   * A tool chooses how long both are, so each has a length.
   */
  registries: { addresses: 4096, nameLength: 2048, tokens: 2048, tokenLength: 16 << 10 },
  /** Header sections of requests and responses. A user name of 6 KiB and a token take 10 KiB. */
  headers: { bytes: 16 << 10, lines: 256 },
  /**
   * Chunks of bodies, counted in reads that are parsed into more than 256 of them: each takes a microsecond, so that reads of
   * 64 KiB in chunks of one byte would take all of the thread.
   */
  smallChunks: { burst: 20_000, everyMs: 1 / 20 },
  /** Requests that a client sends on one connection without waiting for responses, as apt does; the one served included. */
  pipeline: { requests: 16, headBytes: 32 << 10 },
  /**
   * What the transfer of one request may outlive its token by: a layer of 20 GB takes longer than a token lives, but no
   * transfer lasts for ever. Tunnels and upgraded connections have 5 minutes (proxy/server/tunnel-expiry.ts).
   */
  transferGraceMs: 3_600_000,
  /**
   * Questions about tokens and rights that come to nothing, which the proxy asks the API server for its clients: of one
   * address, or one pod. See failure-rate-limiter.ts.
   */
  questions: { burst: 32, everyMs: 250, longestMs: 5_000, waiting: 512, keys: 4096 },
  /**
   * Responses of the proxy to requests that it rejects without a valid token, of one client address. Clients that show their
   * token only after a 407 get one per connection. See proxy/server/rejection-rate-limiter.ts.
   */
  rejections: { burst: 100, everyMs: 10, longestMs: 5_000, addresses: 4096 },
  /**
   * Lines in the proxy's log about requests that fail, of one client: in one go, and one in so many milliseconds from then
   * on; clients that are remembered; and how often the number of suppressed lines is logged. See proxy/server/request-log.ts.
   */
  requestLog: { burst: 60, everyMs: 5_000, clients: 4096, reportMs: 60_000 },
  /**
   * Secrets of Connectors. Credentials and CA bundles can have 256 KiB. Those that were read are kept for ten seconds, as long as
   * they fit into this memory: that of the namespace with most is freed first.
   */
  secrets: { objectBytes: 512 << 10, keptBytes: 16 << 20 },
  /** Objects of the API server as they are read; larger ones are passed over unparsed. See kube/object-splitter.ts. */
  objects: {
    /** A Connector is an address, a reference and perhaps a CA bundle. JSON of small values takes up to 44 times its length in memory. */
    connectorBytes: 64 << 10,
    /** Classes carry templates; etcd takes 1.5 MiB. */
    connectorClassBytes: 1 << 20,
    /** Of the other kinds. A ConfigMap cannot be larger. */
    otherBytes: 1 << 20,
    /** Bytes of changed objects of one namespace, or one class: in one go, and 256 KiB a second from then on. */
    changes: { burst: 4 << 20, everyMs: 1000 / (256 << 10) },
  },
  /** Towards the API server; see kube/api-request-limiter.ts and kube/connection-pool.ts. */
  api: {
    /** Requests under way at once, watches counted until they are open. */
    inFlight: 32,
    /** Requests that wait for their turn, and how much of what the others leave may be one namespace's. */
    waiting: 8192,
    namespaceShare: 1 / 2,
    /** A server allows a hundred streams on each. */
    connections: 32,
  },
  /**
   * Names that the proxy looks up at once because somebody has chosen them; see proxy/upstream/resolver.ts. Of libuv's
   * threads (UV_THREADPOOL_SIZE) half may look up names, and what is left of them is for the API server's.
   */
  lookups: {
    threads: 64,
    /** Hosts that clients choose, and hosts of Connectors: under way, and those that wait for a turn. */
    client: { inFlight: 12, waiting: 1024 },
    connector: { inFlight: 12, waiting: 1024 },
    namespaceShare: 1 / 4,
    /** A turn that has not come until then comes too late for the connection. */
    turnMs: 8_000,
  },
  /**
   * Connectors whose status the proxy looks at or writes at once: what remains of the requests at the API server is for
   * clients. A tool that says nothing takes a place for ten seconds, so one namespace has half of them at most. Connectors
   * that are not ready are checked again and again: one in `unreadyEveryMs`, see proxy/status/unready-connectors.ts.
   */
  status: { permits: 8, namespaceShare: 1 / 2, unreadyEveryMs: 50 },
  /** Objects in memory and up to date; see connectors/on-demand-informer.ts. */
  watches: {
    /** Connectors, and classes as many: `--max-watched-objects`. A full node of 110 pods may use nine in each. */
    count: 1000,
    /** By an estimate that is seldom too low: `--max-object-memory`. */
    bytes: 32 << 20,
    /** How much of what the others leave may be one pod's, or one namespace's. */
    podShare: 1 / 4,
    namespaceShare: 1 / 2,
  },
  /**
   * Of one file of YAML, a kubeconfig or manifests; see kube/yaml-documents.ts. Who writes them is trusted, and the thread is
   * held all the same while they are read: up to 70 ms at these bounds. A usual line has four tokens; each escape counts as
   * one, since each may be a mistake. For each alias the library goes through what is before it.
   */
  yaml: { characters: 512 << 10, tokens: 15_000, aliases: 500, depth: 64 },
  /** One client's connection to a gRPC socket. The kubelet makes one for every call and closes it. */
  grpcConnection: {
    /** Without a call; what a client leaves open must not pile up. */
    idleMs: 60_000,
    ageMs: 600_000,
    /** What the calls of a connection that has reached its age may still take. */
    ageGraceMs: 150_000,
    /**
     * Between two questions whether the client is still there, and how long it may take to answer. A client that has broken
     * the protocol and gone is not noticed otherwise: nothing more is read from it, so neither is its end.
     */
    keepaliveMs: 20_000,
    keepaliveTimeoutMs: 20_000,
    /**
     * Calls at once. The kubelet has one on each connection; a client with more calls has the others wait.
     */
    streams: 8,
    /** The API server takes no pod that is larger. */
    requestBytes: 2 << 20,
  },
  /**
   * Connections at once: more than publishes can be in flight, each of which has one of its own. And how many can wait to be
   * accepted: the kernel rejects more (as it does over net.core.somaxconn, usually 4096). All volumes of a node may be dialled
   * for at once.
   */
  csiSocket: { connections: 4096, backlog: 4096 },
  registrationSocket: { connections: 16, backlog: 16 },
  /** Lines for a reader that has stopped reading; a pipe holds another 64 KiB. */
  log: { maxQueuedBytes: 256 * 1024, gatherMs: 10, retryMs: [20, 1000] },
  /** The port of metrics and probes, which the whole pod network may reach. */
  healthPort: {
    /** `share`: largest part of the total minus the others' that one client address can have. */
    connections: { total: 256, share: 1 / 8 },
    headBytes: 8192,
    connectionMs: 5000,
    metricsMs: 1000,
  },
  /** Events on pods: in one go, and one in so many milliseconds from then on. See driver/pod-events.ts. */
  podEvents: {
    ofPod: { burst: 6, everyMs: 60_000 },
    ofNode: { burst: 120, everyMs: 1000 },
    /** A failure that goes on is told again so often. */
    repeatMs: 300_000,
    /** Volumes whose events wait, and pods whose allowance is remembered. */
    waiting: 512,
  },
  /** What one volume may hold. */
  volume: { files: 128, bytes: 1 << 20 },
  /**
   * Memory of the volumes: pages of a tmpfs stay charged to the driver's pod, also when its container has ended. See
   * volume-memory.ts.
   */
  volumeMemory: {
    /**
     * Of the container's limit, what is no volume's: `--memory-reserve`. 125 MB that the process has at most, and some for
     * the kernel. A driver that starts again needs it while all the volumes are still there.
     */
    reserveBytes: 160 << 20,
    /**
     * Memory in bytes that the kernel keeps of a volume beside its pages, see driver/host/footprint.ts. Measured on Linux 6.18
     * (docs/performance.md), rounded up by a third for security modules and for other kernels.
     */
    kernel: {
      /** Superblock, mounts, two directories and `..data`. Measured: 5.7 KiB. */
      volumeBytes: 8 << 10,
      /** A file or a link. Measured: 752, and 32 of a security module. */
      inodeBytes: 1024,
      /** A name in a directory. Measured: 192. */
      entryBytes: 256,
      /** A file name that its entries have no room for: three entries and the link. Measured: at most 1,560. */
      longNameBytes: 1600,
      /** A node of the tree of a file's pages. Measured: 584. */
      nodeBytes: 640,
    },
    /** Of what is left of the limit, what the volumes of one pod may take, and those of one namespace. */
    podShare: 1 / 8,
    namespaceShare: 1 / 2,
    /** Of what is reserved for namespaces with little, this much can go to volumes that are there and grow. */
    growthPart: 1 / 2,
    /** A refresh is rejected when what the kernel charges has reached so far into the reserve of the process. */
    reserveForRefresh: 1 / 2,
  },
} as const;
