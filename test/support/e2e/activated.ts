import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { TestVolume } from '../driver/test-volume.ts';
import type { ConnectorOptions } from '../proxy/manifests.ts';
import { ToolServer } from '../proxy/tool-server.ts';
import { proofs } from './compatibility.ts';
import type { ActivatedProof, ProofKey } from './compatibility.ts';
import { toolPassword } from './flow-fixture.ts';
import type { FlowFixture, FlowOptions } from './flow-fixture.ts';
import type { Run } from './programs.ts';

/** What the proxy sends to tools with the Secret `login`. */
export const basic = `Basic ${Buffer.from(`robot:${toolPassword}`).toString('base64')}`;

/** Flags of a proxy that takes TLS too. */
export const withTls: Pick<FlowOptions, 'proxyFlags'> = {
  proxyFlags: ['--tls-address', '127.0.0.1:0', '--tls-names', 'localhost'],
};

/** Programs of npm that CI installs in .ci/programs, which is no folder of PATH. */
export function packaged(name: string): string {
  return path.join(import.meta.dirname, '../../../.ci/programs/node_modules', name);
}

/** Skips the suite where they are not installed. CI installs them, and counts a skipped test as failed. */
export function needsPackaged(...names: readonly string[]): Mocha.Func {
  return function () {
    const missing = names.filter((name) => !existsSync(packaged(name)));
    if (missing.length === 0) return;
    console.log(`      skipped: not installed (npm ci --prefix .ci/programs): ${missing.join(', ')}`);
    this.skip();
  };
}

/** Answers requests with the credential, by method and path; 404 for others. */
export function startTool(
  host: string,
  contents: Readonly<Record<string, string | Buffer>>,
  type: string | ((url: string) => string),
): Promise<ToolServer> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '', headers } = request;
    const isAllowed = headers.authorization === basic || headers['private-token'] === toolPassword;
    const found = contents[`${method} ${url.split('?')[0] ?? ''}`];
    request.resume().once('end', () => {
      if (!isAllowed) response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="tool"' }).end();
      else {
        const contentType = typeof type === 'string' ? type : type(url);
        response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': contentType }).end(found ?? '');
      }
    });
  };
  return ToolServer.start('https', answer, [host]);
}

interface ConnectOptions extends Pick<ConnectorOptions, 'className' | 'caSecret' | 'rules' | 'params'> {
  readonly configuration?: string;
  readonly secretName?: string;
}

/** The same volume twice: of a connector with an `http://` proxy, and of one with an `https://` proxy. */
export interface Volumes {
  readonly http: TestVolume;
  readonly https: TestVolume;
}

/** Connectors of the class to a tool, and a volume of each with that configuration. */
export async function connected(
  fixture: FlowFixture,
  address: string,
  { className = 'any', configuration = '', secretName = 'login', caSecret = 'tool-ca', ...more }: ConnectOptions = {},
): Promise<Volumes> {
  if (className !== 'any') fixture.useClass(className);
  const words = [className, configuration, ...Object.values(more.rules ?? {})].filter((word) => word !== '');
  const volumeWith = async (scheme: 'http' | 'https'): Promise<TestVolume> => {
    const name = [...words, scheme].join('-');
    fixture.connect(name, address, { className, secret: secretName, caSecret, ...more }, scheme);
    fixture.onStop(fixture.allow([name]));
    return fixture.volume({ attributes: { connectors: name, 'configuration.names': configuration } });
  };
  return { http: await volumeWith('http'), https: await volumeWith('https') };
}

/** What runs in a folder of its own. */
export interface Job {
  /** Commands before the one line. */
  readonly before?: string;
  /** The program with its arguments. */
  readonly command: string;
  /** Commands after it. */
  readonly after?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Takes so long that it runs after the one line alone: `activate` sets the same variables for what runs inside of it. */
  readonly isSlow?: boolean;
}

/**
 * Runs a program after the one line and inside of it, and once with an `https://` proxy, where it works or fails as its
 * row says. @returns what it prints, the same each time.
 */
export async function activated(
  fixture: FlowFixture,
  key: ProofKey,
  { http, https }: Volumes,
  job: Job,
): Promise<string> {
  const proof = proofs[key] as ActivatedProof;
  const sourced = await afterOneLine(fixture, http, job);
  if (job.isSlow !== true) {
    const wrapped = await runJob(fixture, http, job, (activate, command) => `sh ${activate} ${command}`);
    assert.equal(wrapped.stdout, sourced, wrapped.output);
  }
  if (proof.https === 'yes') assert.equal(await afterOneLine(fixture, https, job), sourced);
  else {
    const { status, stdout } = await runJob(fixture, https, job, sourcedForm);
    assert.ok(status !== 0 || stdout !== sourced, 'works with an https:// proxy: change the row');
  }
  return sourced;
}

/** Runs a program after the one line, and asserts that it succeeds. @returns what it prints. */
export async function afterOneLine(fixture: FlowFixture, volume: TestVolume, job: Job): Promise<string> {
  const { status, stdout, output } = await runJob(fixture, volume, job, sourcedForm);
  assert.equal(status, 0, `${output}\n${fixture.proxy.log.slice(-2000)}`);
  return stdout;
}

const sourcedForm = (activate: string, command: string): string => `. ${activate}\n${command}`;

async function runJob(
  fixture: FlowFixture,
  volume: TestVolume,
  { before = '', command, after = '', env = {} }: Job,
  form: (activate: string, command: string) => string,
): Promise<Run> {
  const script = [
    'cd "$(mktemp -d)"; export HOME=$PWD',
    before,
    form(path.join(volume.target, 'activate'), command),
    after,
  ];
  const ran = await fixture.run(['sh', '-euc', script.join('\n')], fixture.work, env);
  assert.ok(!ran.output.includes(volume.token), 'the token is printed');
  return ran;
}
