/**
 * Limits of what pods, clients and the API server can make the driver use, each with its unit in its name and its reason.
 * Those with `@listed WHAT-HAPPENS-OVER-IT` are in docs/limits.md, with the first sentence of their comment.
 */
export const driverLimits = {
  /** Publishes of the driver, first ones and refreshes. See driver/publish/publish-admission.ts. */
  publishes: {
    /** Publishes in flight on a node: `--max-publishes-in-flight`. @listed `ResourceExhausted` */
    inFlight: 1024,
    /** Publishes in flight of one pod: `--max-publishes-per-pod`. Few pods have over three volumes. @listed `ResourceExhausted` */
    perPod: 32,
    /** Part of the publishes in flight for one namespace. @listed `ResourceExhausted` */
    namespaceShare: 1 / 2,
    /** Volume attributes of a volume, and keys of the Secret that it names. @listed `InvalidArgument` */
    fields: 128,
    /**
     * Running publishes: `--max-concurrent-publishes`. There is one thread, so more would not end sooner, and each can use the
     * memory of one volume's templates (32 MiB). @listed wait
     */
    running: 4,
  },
  /** Refreshes that the driver starts because an object has changed. See driver/publish/refresh-on-change.ts. */
  refreshes: {
    /** Refreshes in flight. */
    inFlight: 32,
    /** Largest part of these for one namespace. Most refreshes wait for others. */
    namespaceShare: 1 / 4,
    /** Refreshes of all volumes. One takes 25 ms of the main thread at most, and usually 2. */
    rate: {
      /** Refreshes at once: the volumes of a full node. */
      burst: 128,
      /** Interval for one more. */
      everyMs: 50,
    },
    /** Time between two refreshes of one volume, however often its objects change. */
    cooldownMs: 1000,
  },
  /**
   * Failed publishes of one pod. Each costs the API server reviews, and the kubelet retries each volume by itself. See
   * driver/publish/publish-admission.ts.
   */
  failedPublishes: {
    /** Failed publishes of one pod. @listed `ResourceExhausted`, `was not tried` */
    burst: 32,
    /** Interval for one more. Until then the pod's publishes are rejected, except those of mounted volumes. */
    everyMs: 250,
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
  /** A socket of the driver. The kubelet can connect for all volumes of a node at once. */
  csiSocket: {
    /** Connections: more than publishes can be in flight. */
    connections: 4096,
    /** Connections that wait to be accepted; the kernel also applies net.core.somaxconn, usually 4096. */
    backlog: 4096,
  },
  /** Approvals. See driver/approval/approvals.ts. */
  approvals: {
    /** Volumes that wait for approval: several times the volumes of a full node. */
    waits: 1024,
    /** Watched AccessRequests of mounted volumes: twice the pods of a full node. Others are read by the next republish. */
    watched: 256,
    /** Cached grants, and names of requests: a node has 110 pods with a few connectors each. An evicted one is looked up again. */
    grants: 4096,
    /** Connectors of one volume that are reviewed in parallel; few volumes have more. */
    reviewedTogether: 4,
  },
  /** Texts that contain what a pod, a class or a Connector has. */
  messages: {
    /** Characters of the response to the kubelet. Volumes and classes can contribute any number of names to it. */
    responseCharacters: 4000,
    /** Characters of a failure that are kept while it lasts. */
    failureCharacters: 1024,
    /** Problems in one message, so that it stays readable. A pod's author can write a hundred thousand. */
    problems: 20,
    /** Classes in one message. */
    classes: 10,
    /** Warnings about values that the data of a volume's templates does not have. */
    missingValues: 10,
    /** Warnings that are logged once: several for each volume of a full node. Those of the volume with the most are evicted first. */
    warnings: 4096,
    /** Lines of the log about rejections of one pod and limit. See driver/driver.ts. */
    rejections: {
      /** Lines at once. */
      burst: 1,
      /** Interval for one more. */
      everyMs: 60_000,
    },
  },
  /** Renders of a volume's configurations. See driver/content/template-renderer.ts. */
  renders: {
    /** Steps in the main thread: several times what an ordinary class takes. Longer renders run in a thread. */
    steps: 50_000,
    /** CPU time in the main thread. It permits the first render, which also compiles the engine. */
    cpuMs: 25,
    /** Threads for longer renders. One at all its limits takes half a second of CPU time. */
    thread: {
      /** Threads. */
      threads: 2,
      /** Waiting renders. One namespace can have half of the places that others leave. */
      waiting: 128,
      /**
       * Time of a render, with the start of its thread. The steps of templates are counted, so only work that is not takes
       * so long. The slowest step, a new RSA key, takes some seconds.
       */
      jobMs: 30_000,
      /** Heap of a thread. */
      heapMb: 48,
    },
  },
  /** Content of one volume. */
  volume: {
    /** Files of a volume. @listed `ResourceExhausted` */
    files: 128,
    /** Content of all files of a volume. @listed `ResourceExhausted` */
    bytes: 1 << 20,
    /** Length of one volume attribute. @listed `InvalidArgument` */
    attributeBytes: 32 << 10,
    /** Items of `configuration.names`. @listed `InvalidArgument` */
    configurationNames: 256,
    /** Values in `configuration.params`, for the configurations of the volume. @listed `InvalidArgument` */
    paramValues: 1024,
    /** CA bundle of which a trust store for Java is made, in characters: takes up to 15 ms of the only thread. */
    trustStoreCharacters: 65_536,
    /** User name in the proxy URL, which travels in a request header. */
    userBytes: 6 << 10,
  },
  /** Memory of volumes. Pages of a tmpfs are charged to the driver's pod, also after a restart. See driver/publish/volume-memory.ts. */
  volumeMemory: {
    /**
     * Part of the memory limit for the driver's process: `--memory-reserve`. The process has at most 125 MB, and the kernel uses
     * some. A restarted driver needs it while all volumes still exist. @listed volumes share the rest
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
    /** Part of the memory for the volumes of one pod. @listed `ResourceExhausted` */
    podShare: 1 / 8,
    /** Part of the memory for the volumes of one namespace. @listed `ResourceExhausted` */
    namespaceShare: 1 / 2,
    /** Part of the memory reserved for namespaces with little that growing volumes can use. */
    growthPart: 1 / 2,
    /** Memory of a request in the heap of the process. See driver/publish/volume-memory.ts. */
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
    },
    /**
     * A call for a mounted volume that counts for no more than this is not limited, and a volume of an earlier process counts for
     * so much, as its request is not known.
     */
    refreshBytes: 128 << 10,
  },
} as const;
