import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { createLog } from '../../../src/shared/process/json-log.ts';
import { parseProxyConfig } from '../../../src/proxy/config.ts';
import type { ProxyBackend } from '../../../src/proxy/backend.ts';
import { createCa, parseCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { manifestSources } from '../../../src/proxy/check/manifest-sources.ts';
import type { Log } from '../../../src/shared/log.ts';
import { Proxy } from '../../../src/proxy/proxy.ts';
import { assertNoToken } from '../driver/canary.ts';
import { TokenKeys } from './keys.ts';
import type { TokenClaims } from './keys.ts';
import { ProxyClient } from './proxy-client.ts';
import { toolCa } from './tool-server.ts';
import { connector, connectorClass, grant, secret } from './manifests.ts';
import type { ConnectorOptions } from './manifests.ts';

/** Stands in every tool's credential, so that one that leaks can be found by it. */
export const credentialCanary = 'CREDENTIAL-CANARY-5b1e';

/** A credential of a tool, and the header that it becomes. */
export const robotLogin = secret('login', 'kubernetes.io/basic-auth', {
  username: 'robot',
  password: credentialCanary,
});
export const robotBasic = `Basic ${Buffer.from(`robot:${credentialCanary}`).toString('base64')}`;

/** A Connector `tool` with the login, and an account `builder` that may use it. */
export function toolWithLogin(address: string, options: ConnectorOptions = {}): readonly object[] {
  return [connector('tool', address, { secret: 'login', ...options }), robotLogin, ...grant('builder', ['tool'])];
}

interface FixtureOptions {
  readonly flags?: readonly string[];
  readonly now?: () => number;
  /** In milliseconds. */
  readonly monotonicNow?: () => number;
  /** Names and what they resolve to; others are 127.0.0.1. A function is asked each time. */
  readonly names?: Readonly<Record<string, string | (() => string | Promise<string>)>>;
  readonly apiServer?: readonly string[];
  readonly issuerTimeoutMs?: number;
}

/** A proxy in the test's process over its real port, and the manifests that it reads. */
export class ProxyFixture {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'connectors-proxy-'));
  readonly keys = new TokenKeys();
  readonly #options: FixtureOptions;
  #proxy: Proxy | undefined;
  #log = '';
  readonly #requests: Record<string, unknown>[] = [];
  port = 0;
  /** 0 without `--tls-address`. */
  tlsPort = 0;
  httpPort = 0;

  private constructor(options: FixtureOptions) {
    this.#options = options;
  }

  /** @param objects the manifests; a class `any` and a Secret `tool-ca` with the tools' CA are there already. */
  static async start(objects: readonly object[], options: FixtureOptions = {}): Promise<ProxyFixture> {
    const fixture = new ProxyFixture(options);
    fixture.put(objects);
    await fixture.#start();
    return fixture;
  }

  /** Replaces the manifests. */
  put(objects: readonly object[]): void {
    const all = [connectorClass(), toolCa, ...objects];
    writeFileSync(this.#file('objects.yaml'), all.map((object) => stringify(object)).join('---\n'));
  }

  token(claims?: TokenClaims): Promise<string> {
    return this.keys.token(claims);
  }

  /** A client that names these connectors, such as `ci/harbor`. */
  async client(connectors = 'ci/tool', claims?: TokenClaims): Promise<ProxyClient> {
    return new ProxyClient(this.port, connectors, await this.token(claims), this.authority);
  }

  /** The CA's certificate, PEM. */
  get authority(): string {
    return this.#proxyNow.authorityCertificate;
  }

  get log(): string {
    return this.#log;
  }

  /** The lines about requests, parsed. */
  get requests(): readonly Record<string, unknown>[] {
    return this.#requests;
  }

  metrics(): Promise<string> {
    return this.#proxyNow.metrics.text();
  }

  async http(where: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`http://127.0.0.1:${this.httpPort}${where}`);
    return { status: response.status, body: await response.text() };
  }

  get #proxyNow(): Proxy {
    if (this.#proxy === undefined) throw new Error('the fixture has ended');
    return this.#proxy;
  }

  /** Stops the proxy, and asserts that neither its log nor its metrics hold a token or a credential. */
  async stop(): Promise<void> {
    const metrics = await this.metrics();
    await this.#proxyNow.stop();
    rmSync(this.directory, { recursive: true });
    for (const [text, where] of [
      [this.#log, "the proxy's log"],
      [metrics, "the proxy's metrics"],
    ] as const) {
      assertNoToken(text, where);
      if (text.includes(credentialCanary)) throw new Error(`a credential is in ${where}`);
      if (text.includes(Buffer.from(credentialCanary).toString('base64').slice(2, 20))) {
        throw new Error(`an encoded credential is in ${where}`);
      }
    }
  }

  /** As `stop`, but only the proxy's own part of it. */
  stopProxy(): Promise<void> {
    return this.#proxyNow.stop();
  }

  #file(name: string): string {
    return path.join(this.directory, name);
  }

  /** @param line of the log, with its end. */
  #keep(line: string): void {
    this.#log += line;
    const entry = JSON.parse(line) as Record<string, unknown>;
    if (entry['msg'] === 'Request finished') this.#requests.push(entry);
  }

  async #start(): Promise<void> {
    const {
      flags = [],
      now = Date.now,
      monotonicNow = () => performance.now(),
      names = {},
      apiServer = [],
      issuerTimeoutMs = 30_000,
    } = this.#options;
    const config = parseProxyConfig(
      [
        ...['--proxy-address', '127.0.0.1:0', '--http-address', '127.0.0.1:0', '--write-status=false'],
        ...[
          '--allow-upstream-cidrs',
          '127.0.0.0/8',
          '--log-level',
          'debug',
          '--shutdown-delay',
          '0s',
          '--drain-timeout',
          '0s',
        ],
        ...flags,
      ],
      {},
    );
    const clock = { now };
    const log = createLog('debug', { write: (line: string) => this.#keep(line) });
    const backend = this.#backend(config['token-audience'], now, log);
    this.#proxy = new Proxy({
      config,
      createBackend: () => backend,
      apiServer,
      clock,
      monotonicNow,
      issuerTimeoutMs,
      lookUp: async (host) => {
        const found = names[host] ?? '127.0.0.1';
        const address = typeof found === 'string' ? found : await found();
        return [{ address, family: address.includes(':') ? 6 : 4 }];
      },
      log,
    });
    const { proxyPort, tlsPort = 0, httpPort = 0 } = await this.#proxy.start();
    this.port = proxyPort;
    this.tlsPort = tlsPort;
    this.httpPort = httpPort;
  }

  /** Everything from manifests, without an API server. */
  #backend(audience: string, now: () => number, log: Log): ProxyBackend {
    const { sources, directory } = manifestSources(this.directory, 'connectors-system', log);
    const ca = parseCa(createCa({ now }), 'the CA of the fixture');
    return {
      ...sources,
      tokens: this.keys.verifier(audience, now),
      ca: { current: () => ca },
      identity: () => ca.certificate,
      apiServerEndpoints: () => [],
      status: undefined,
      load: () => ({ bytes: 0, rejected: 0, unconfirmedMs: 0 }),
      start: () => undefined,
      stop: () => undefined,
      problem: () => directory.problem(),
    };
  }
}

export function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}
