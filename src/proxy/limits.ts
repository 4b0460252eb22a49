/**
 * Limits of what clients, tools and the API server can make the proxy use, each with its unit in its name and its reason.
 * Those with `@listed WHAT-HAPPENS-OVER-IT` are in docs/limits.md, with the first sentence of their comment.
 */
export const proxyLimits = {
  /** Caches of the proxy's decisions about access. */
  proxyAccess: {
    /** Lifetime of an allowed decision: what uses a revoked permission ends after this time. */
    allowedTtlMs: 10_000,
    /** Lifetime of a denied decision: a new permission is noticed after this time. */
    deniedTtlMs: 5_000,
  },
  /** Requests in flight at the proxy. Each has buffers and a connection to a tool (docs/limits.md). */
  requestsInFlight: {
    /** Requests in flight, 1.5 MiB each if neither side reads: `--max-requests-in-flight`. @listed `429` */
    total: 512,
    /** Part of these for one namespace, or for one address without a token. @listed `429` */
    share: 1 / 2,
    /** Request body that is kept, so that the request can be repeated with a token. */
    repeatableBytes: 64 << 10,
  },
  /** Sockets that accept connections of clients at one port. Thousands of connections can wait to be accepted. */
  acceptors: 8,
  /** Connections of the proxy to tools. */
  toolSockets: {
    /** Connections to tools, 40 KiB each: `--max-tool-connections`. @listed idle ones closed, `503` */
    total: 768,
    /** Idle connections that are kept. A new connection costs ten times a request. */
    idle: 256,
    /** Lifetime of an idle connection; shorter than the keep-alive of usual servers. */
    idleMs: 15_000,
    /** Connections of one namespace to one tool that are being opened. */
    opening: 8,
    /** Longest wait of a request for one of these, or for an idle one. Then it opens its own. */
    openingWaitMs: 250,
    /** TLS sessions that new connections resume. */
    sessions: 256,
    /**
     * Part of these for one namespace. With it, and with at least half more connections than requests in
     * flight, each request gets its connection. @listed `503`
     */
    namespaceShare: 3 / 4,
  },
  /** Checks of Connectors of one namespace that are not ready. With more of them, each is checked less often. */
  unreadyChecks: {
    /** Checks at once. */
    burst: 100,
    /** Interval for one more. */
    everyMs: 50,
  },
  /**
   * The thread, which serves all: trust stores, rules and probes are measured, the others have a price in milliseconds.
   * See proxy/thread-shares.ts.
   */
  thread: {
    /** Milliseconds of the thread for one namespace, or for one address without a token. @listed wait, then `429` */
    burst: 1_000,
    /** Interval for one more: a twentieth of a CPU. */
    everyMs: 20,
    /** The part of a share that other holders cannot use up. */
    light: { burst: 100, everyMs: 200 },
    /** The same for an address: many can connect at once, and one read takes up to 26 ms. */
    lightOfAddress: { burst: 20, everyMs: 200 },
    /** The part of all holders together, beyond that: half of a CPU. So those with little work find the thread free. */
    common: { burst: 100, everyMs: 2 },
    /** Longest wait. */
    longestMs: 5_000,
    /** Milliseconds of a share that checks of Connectors leave to requests. */
    reservedMs: 500,
    /** A chunk of a body, in reads with more than 64 of them. */
    chunkMs: 1 / 150,
    /** A read with thousands of informational responses (1xx), or of chunks whose connection was closed. */
    floodMs: 20,
    /** A TLS handshake with a client. */
    handshakeMs: 1,
    /**
     * A rejected request, for the client's address. A client that shows its token only after a 407 has one for each
     * connection.
     */
    rejectionMs: 1,
  },
  /** Content of one Connector. */
  connector: {
    /** Characters of changed Connectors of one namespace that wait to be parsed. The next list has the others. */
    changedCharacters: 1 << 20,
    /** URLs in `spec.address` and `spec.addressExtensions`. Each request is compared. @listed `TooManyAddresses`, `502` */
    addresses: 64,
    /** PEM bundle of `spec.caCertSecretRef`. Parsed certificates use five times its size. @listed `InvalidCACert` */
    caBytes: 256 << 10,
    /** Certificates in this bundle. A malformed block takes longer to parse. @listed `InvalidCACert` */
    caCertificates: 512,
    /** `tls.crt` of a client certificate, which each handshake sends. @listed `Unusable`, `502` */
    clientCertificateBytes: 32 << 10,
    /** Certificates in it. @listed `Unusable`, `502` */
    clientCertificates: 10,
    /** A `.dockerconfigjson`. The proxy serves no other request while it parses one. @listed `Unusable`, `502` */
    dockerConfigBytes: 256 << 10,
  },
  /** Rules of one Connector, or of one class, which each request is compared with. See proxy/rules/parse-rules.ts. */
  rules: {
    /** Characters of the annotation `rules`. The longest of the classes here has 1,600. @listed `BrokenRules`, `403` */
    characters: 16 << 10,
    /** Segments of all paths: one takes up to a microsecond for each reading of a path of 100 segments. */
    segments: 1000,
    /** YAML tokens of the annotation. A usual line has twenty. */
    tokens: 4000,
    /** Characters of the rules that are kept parsed, which take up to 50 times the memory: 25 MB. */
    keptCharacters: 512 << 10,
    /** Segments in the path of a request to which rules apply. Deep repositories have thirty. @listed `400` */
    requestSegments: 100,
    /** Parameters in its query. @listed `400` */
    parameters: 256,
    /** Time for the body of a batch request of Git LFS, which is read before the decision. */
    bodyMs: 30_000,
  },
  /** Limits that owners of Connectors set for each pod. See proxy/rules/owner-limits.ts. */
  ownerLimits: {
    /** Largest number of requests per second. */
    perSecond: 10_000,
    /** Largest number of requests in flight. */
    concurrent: 512,
  },
  /** Trust stores of Connectors with own CAs. One uses 1 MB. */
  trustStores: {
    /** Trust stores in memory. */
    count: 48,
  },
  /** TLS handshakes with tools. See proxy/tool/tool-handshakes.ts. */
  toolHandshakes: {
    /** Unfinished handshakes: each can end with 150 ms of the thread. */
    unfinished: 16,
    /** Largest part of these for one namespace. */
    namespaceShare: 1 / 4,
    /** Time for one while others wait. */
    patienceMs: 3_000,
    /** Milliseconds of the thread for certificates beyond the limits. */
    slowMs: 200,
    /** Certificates of a tool, with its CA's. Usual are three. @listed `502` */
    certificates: 10,
    /** Bits of an RSA key in them. @listed `502` */
    rsaBits: 8192,
    /** Exponent of such a key: 65537 is usual. */
    rsaExponent: 0xffff_ffffn,
  },
  /** Certificates that the proxy signs for the hosts of Connectors. */
  certificates: {
    /** Lifetime. They cannot be revoked, so it is short. */
    validMs: 24 * 3_600_000,
    /** Hosts whose certificate is cached. */
    hosts: 1000,
    /** Key exchanges that clients can choose from. With P-521, a handshake takes ten times the CPU time. */
    curves: 'X25519:prime256v1',
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
    /** Characters of a header `WWW-Authenticate`. */
    challengeLength: 16 << 10,
    /** Minimum interval of repeated probes of a registry that rejects the authentication it required. */
    reprobeMs: 10_000,
    /** Lifetime of the result that a registry requires no authentication for pushes. */
    openMs: 60_000,
  },
  /** Requests of the proxy itself to registries, token services and issuers. */
  backChannel: {
    /** Time for one request with its response. */
    timeoutMs: 30_000,
    /** Bytes of a response. */
    bodyBytes: 64 << 10,
  },
  /** Tokens that the proxy requests for Secrets of issuers. They are cached with those of registries. See proxy/credentials/issuer. */
  issuedTokens: {
    /** Shortest interval of two requests for one credential. */
    everyMs: 5_000,
    /** Credentials whose last request is known. */
    credentials: 4096,
    /** Life of a token in the cache. */
    longestLifeMs: 24 * 3_600_000,
    /** Characters of a private key in PEM. An RSA key of 4096 bits has 3,300. */
    privateKeyLength: 8 << 10,
    /** Bits of an RSA key. */
    rsaBits: { least: 2048, most: 4096 },
    /** Exponent of an RSA key: 65537 is usual, and larger ones only slow verification. */
    rsaExponent: 0xffff_ffffn,
    /** Characters of a value in the Secret. No provider has longer names. */
    valueLength: 4096,
    /** Characters of a list in the Secret. */
    listLength: 64 << 10,
    /** Entries of such a list, with blank ones. Each request reads them. */
    listEntries: 1000,
  },
  /** Header section of a request or response. A user name of 6 KiB and a token take 10 KiB. */
  headers: {
    /** Headers of a request or response. @listed `431`, `502` */
    bytes: 16 << 10,
    /** Lines of these headers. @listed `431`, `502` */
    lines: 256,
  },
  /** Bytes of transfers in memory. */
  transfers: {
    /** Bytes that one side has sent and the other does not take, above which reading pauses. One read can exceed it. */
    pendingBytes: 32 << 10,
    /** Chunks in one read of a socket that are free. Further ones cost `thread.chunkMs`. */
    freeChunks: 64,
    /** Chunks in one read of a socket, 64 KiB, while the share of the thread is used up. @listed closed, `429` */
    mostChunks: 1024,
    /** Rest of a request's body that is read after an error response, so that the client reads the response. */
    restBytes: 256 << 10,
    /** Time for that, and for the client to read a last response. */
    restMs: 5_000,
  },
  /**
   * Times that a path is percent-encoded. Text of a request is decoded so often: servers decode once or twice, and each
   * gateway in between perhaps once more. @listed `400`
   */
  percentDecodings: 4,
  /** Requests on one connection that a client sends without waiting for responses, as apt does. */
  pipeline: {
    /** Pipelined requests of a connection, the one in flight included. @listed closed */
    requests: 16,
    /** Bytes of their headers. */
    requestHeaderBytes: 32 << 10,
  },
  /**
   * Time that a transfer can outlive its token. A layer of 20 GB takes longer than a token lives, but no transfer lasts without
   * a limit. @listed closed
   */
  transferGraceMs: 3_600_000,
  /** Time that a tunnel or an upgraded connection can outlive its token. @listed closed */
  tunnelGraceMs: 5 * 60_000,
  /** Identification of one client. */
  clients: {
    /** Connectors in the user name of a request: as many as a volume can have. @listed `407` */
    connectors: 32,
    /** Characters of `Proxy-Authorization`: base64 of a user name of 6 KiB, percent-encoded, and a token. */
    authorizationLength: 48 << 10,
  },
  /** Verdicts about tokens of clients. */
  tokens: {
    /** Lifetime of a valid verdict: a deleted pod's token is rejected after this time. */
    validTtlMs: 60_000,
    /** Cached valid verdicts. */
    valid: 20_000,
  },
  /** Failed reviews that the API server gets because of one client address, or one pod. See proxy/failure-rate-limiter.ts. */
  failedReviews: {
    /** Failed reviews of one client address, or one pod. @listed wait, then `429` */
    burst: 32,
    /** Interval for one more. */
    everyMs: 250,
    /** Longest wait for a review; then the response is 429. */
    longestMs: 5_000,
  },
  /** Lines in the proxy's log about requests. */
  requestLog: {
    /** Characters of a logged path. Clients choose paths of any length. */
    pathLength: 1024,
    /** Logged connectors of a failed request. A user name can name 32. */
    connectors: 4,
  },
  /** Secrets of Connectors. */
  secrets: {
    /** One Secret of a Connector. Credentials and CA bundles can have 256 KiB. @listed `Unusable`, `502` */
    objectBytes: 512 << 10,
    /** All cached Secrets. Those of the namespace with most are evicted first. */
    cachedBytes: 16 << 20,
    /** Lifetime in the cache: a changed password is used after this time. */
    ttlMs: 10_000,
  },
  /** DNS lookups of the proxy. See proxy/tool/resolver.ts. */
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
    /** Wait for a DNS lookup. @listed `503` */
    longestWaitMs: 8_000,
    /** Lifetime of cached addresses. */
    ttlMs: 2_000,
    /** Age up to which they are used if a new lookup takes longer than `slowMs`, or fails for now. */
    staleMs: 5 * 60_000,
    /** Wait for a lookup of a name with stale addresses. */
    slowMs: 1_000,
    /** Hosts with cached addresses. */
    hosts: 1000,
  },
  /** Connectors whose status the proxy evaluates. The other requests at the API server are for clients. */
  status: {
    /** Connectors at the same time. */
    permits: 16,
    /** Largest part of these for one namespace: a tool that does not respond takes ten seconds. */
    namespaceShare: 1 / 4,
  },
  /** Probes of ConnectorClasses. */
  probes: {
    /** Characters of an expression or a template. Those in use have a hundred. */
    textLength: 4096,
    /** Headers of a probe. */
    headers: 16,
    /** Body of a tool's response that a probe reads. */
    bodyBytes: 64 << 10,
    /** Redirects that a probe follows. Sites use one or two; more is a loop. @listed `UnexpectedAnswer` */
    redirects: 5,
    /** Steps of the templates of a probe; a step takes 0.2 microseconds. */
    steps: 20_000,
    /** Work of an expression, counted as for `generators`: it can search the longest body once with a short pattern. */
    work: 2 << 20,
  },
  /** Expressions of ConnectorClasses that make credentials. See proxy/credentials/generator/generators.ts. */
  generators: {
    /** Characters of `generator.cel`. Those in use have 500. @listed `BrokenGenerator` */
    textLength: 8192,
    /** Compiled expressions that are kept. Compiling one takes up to 80 ms. */
    compiled: 256,
    /**
     * Work of one evaluation: a character that a function reads is 2, a node of the expression 32. Searches and conversions
     * cost more, by what they can take. Takes some milliseconds.
     */
    work: 256 << 10,
    /** Characters of all values of a Secret, which are copied for each evaluation. */
    secretCharacters: 128 << 10,
    /** Keys of a Secret, which are copied too: 10,000 take 3 ms. Credentials have a few. */
    secretKeys: 256,
    /** Headers of a result. */
    headers: 16,
    /** Query parameters of a result. */
    parameters: 16,
    /** Characters of all names and values of a result; tools reject longer headers. */
    resultCharacters: 8192,
    /** Parts of a result's query parameters that are searched for in responses. */
    searched: {
      /** Shorter values occur by chance. */
      shortest: 6,
      /** The last characters of a value: long ones, such as the same letter many times, take too long. */
      longest: 32,
    },
  },
} as const;
