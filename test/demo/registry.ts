import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { hashSync } from 'bcryptjs';
import { createCa, parseCa } from '../../src/proxy/certificates/certificate-authority.js';
import { signLeaf } from '../../src/proxy/certificates/x509.js';
import { MemoryRegistry } from './memory-registry.js';
import { shortPath } from './volume-text.js';

/** A name without a DNS record; the demo's proxy resolves it by a private /etc/hosts. */
export const registryHost = 'harbor.example.com';

/** The credential that only the proxy has. */
export const registryCredential = { username: 'robot', password: 'only-the-proxy-has-this' } as const;

const dayMs = 86_400_000;

/** The minimum of bcrypt: the hash is needed only during the demo. */
const bcryptRounds = 4;

/**
 * A registry behind TLS that requires a password, and logs the credential of each request. It is Debian's
 * `docker-registry` if that is installed, else a built-in one.
 */
export class Registry {
  /** CA certificate in PEM. */
  readonly ca: string;
  /** Requests with their credentials, in order. */
  readonly log: string[] = [];
  readonly #server: https.Server;
  readonly #program: ChildProcess | undefined;

  private constructor(program: ChildProcess | undefined, listener: http.RequestListener) {
    this.#program = program;
    const { ca, certificate, key } = certificates();
    this.ca = ca;
    this.#server = https.createServer({ cert: certificate, key }, (request, response) => {
      response.once('finish', () => this.log.push(lineOf(request, response)));
      listener(request, response);
    });
  }

  /** Starts the registry. @param directory an empty directory for its storage. */
  static async start(directory: string): Promise<Registry> {
    const socketPath = path.join(directory, 'registry.sock');
    const program = await startProgram(directory, socketPath);
    const own = new MemoryRegistry(registryCredential);
    const registry = new Registry(program, (request, response) => {
      if (program === undefined) own.answer(request, response);
      else forward(request, response, socketPath);
    });
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  /** Returns the kind of registry in words. */
  get description(): string {
    return this.#program === undefined ? "the demo's own, as docker-registry is not installed" : 'docker-registry';
  }

  get url(): string {
    return `https://${registryHost}:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#program?.kill('SIGKILL');
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Starts docker-registry. @returns undefined if it is not installed. */
async function startProgram(directory: string, socketPath: string): Promise<ChildProcess | undefined> {
  const passwords = path.join(directory, 'htpasswd');
  const configuration = path.join(directory, 'registry.json');
  const { username, password } = registryCredential;
  writeFileSync(passwords, `${username}:${hashSync(password, bcryptRounds)}\n`);
  writeFileSync(
    configuration,
    JSON.stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: path.join(directory, 'blobs') } },
      auth: { htpasswd: { realm: 'registry', path: passwords } },
      http: { net: 'unix', addr: socketPath, relativeurls: true, secret: 'demo' },
    }),
  );
  const program = spawn('docker-registry', ['serve', configuration], { stdio: ['ignore', 'ignore', 'pipe'] });
  const isListening = new Promise<boolean>((resolve) => {
    program.once('error', () => resolve(false)).once('exit', () => resolve(false));
    program.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('listening on')) resolve(true);
    });
  });
  return (await isListening) ? program : undefined;
}

function forward(request: IncomingMessage, response: ServerResponse, socketPath: string): void {
  const { method = '', url = '', headers } = request;
  const onwards = http.request({ socketPath, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onwards.once('error', () => response.destroy());
  request.pipe(onwards);
}

function lineOf({ method = '', url = '', headers }: IncomingMessage, { statusCode }: ServerResponse): string {
  const encoded = /^Basic (.*)$/.exec(headers.authorization ?? '')?.[1];
  const login = encoded === undefined ? 'nobody' : Buffer.from(encoded, 'base64').toString();
  return `${method.padEnd(4)} ${shortPath(url)} ${statusCode} as ${login}`;
}

function certificates(): Readonly<Record<'ca' | 'certificate' | 'key', string>> {
  const clock = { now: () => Date.now() };
  const pem = createCa(clock);
  const { issuer } = parseCa(pem, "the registry's CA");
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nowMs = clock.now();
  const validity = { notBefore: new Date(nowMs - dayMs), notAfter: new Date(nowMs + dayMs) };
  return {
    ca: pem.certificate,
    certificate: signLeaf(issuer, publicKey, [registryHost], validity),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
