import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { kubectlFolders } from '../deploy/helm.ts';
import { CertificateAuthority } from '../tls/certificate-authority.ts';
import { writeKubeconfig } from '../kube-api/credential-files.ts';
import { eventually } from '../poll.ts';
import { ApiClient } from './api-client.ts';
import { auditPolicy, readAuditLog, type AuditEvent } from './audit-log.ts';
import { Child } from './child.ts';

interface ControlPlaneOptions {
  /** Of kube-apiserver, such as `--emulated-version=1.33`. */
  readonly flags?: readonly string[];
}

/** What a run of a command prints. */
export interface CommandRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Ports of servers, below those that the kernel chooses for others. */
const ports = { from: 20_000, to: 32_000 };
/** In the folder. */
const etcdSocket = 'localhost:1';
const auditLog = 'audit.log';
/** 4 s on a free machine, a minute where ten programs wait for each processor. */
const readyMs = 150_000;

/**
 * A real kube-apiserver with etcd and the controllers, on loopback. It has no nodes and no scheduler. All of it ends with
 * this process. It takes about 5 s and up to 900 MiB: `shared-control-plane.ts` starts one for all suites of a process.
 */
export class ControlPlane {
  /** Where commands run, with all state. */
  readonly folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-kubernetes-'));
  readonly authority = new CertificateAuthority();
  /** The kubeconfig of an administrator. */
  readonly kubeconfig = path.join(this.folder, 'kubeconfig');
  readonly #token = randomBytes(16).toString('hex');
  readonly #flags: readonly string[];
  #port = 0;
  readonly #children: Child[] = [];
  #apiServer: Child | undefined;

  private constructor({ flags = [] }: ControlPlaneOptions) {
    this.#flags = flags;
  }

  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const plane = new ControlPlane(options);
    try {
      await plane.#start();
      return plane;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** An administrator. */
  get admin(): ApiClient {
    return new ApiClient({ url: this.url, ca: this.authority.certificate, token: this.#token });
  }

  /** The requests so far of the accounts of the chart. */
  get audited(): readonly AuditEvent[] {
    return readAuditLog(path.join(this.folder, auditLog));
  }

  async stop(): Promise<void> {
    for (let last = this.#children.pop(); last !== undefined; last = this.#children.pop()) await last.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends the API server as a crash would. Its objects stay. */
  async killApiServer(): Promise<void> {
    await this.#apiServer?.kill();
  }

  /** Starts it on the same port again. */
  async restartApiServer(): Promise<void> {
    await this.killApiServer();
    await this.#startApiServer();
  }

  /** Has the API server answer nothing and keep its connections, as on a machine that swaps. */
  pauseApiServer(): void {
    this.#apiServer?.signal('SIGSTOP');
  }

  resumeApiServer(): void {
    this.#apiServer?.signal('SIGCONT');
  }

  /** Has etcd forget all revisions but a new one, so also the last that a program knows: from bookmarks it knows any. */
  async compact(): Promise<void> {
    const { header } = (await this.#etcd('put', { key: Buffer.from('/compacted').toString('base64') })) as {
      readonly header: { readonly revision: string };
    };
    await this.#etcd('compaction', { revision: header.revision, physical: true });
  }

  /** A request to the JSON gateway of etcd. */
  #etcd(what: 'put' | 'compaction', body: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const socketPath = path.join(this.folder, etcdSocket);
      const call = request({ socketPath, method: 'POST', path: `/v3/kv/${what}` }, (response) => {
        if (response.statusCode === 200) resolve(json(response));
        else reject(new Error(`etcd answers ${response.statusCode} to ${what}`));
      });
      call.on('error', reject).end(JSON.stringify(body));
    });
  }

  /** Runs a command line in a shell in which kubectl and Helm are an administrator. */
  run(command: string): Promise<CommandRun> {
    const env = {
      ...process.env,
      PATH: [...kubectlFolders, process.env['PATH']].join(':'),
      KUBECONFIG: this.kubeconfig,
      KUBECACHEDIR: path.join(this.folder, 'cache'),
    };
    return new Promise((resolve) => {
      execFile('sh', ['-ec', command], { cwd: this.folder, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  async #start(): Promise<void> {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { certificate, key } = this.authority.issue({ commonName: 'api', hosts: ['127.0.0.1', 'localhost'] });
    this.#write('accounts.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    this.#write('ca.crt', this.authority.certificate);
    this.#write('api.crt', certificate);
    this.#write('api.key', key);
    this.#write('tokens.csv', `${this.#token},admin,admin,"system:masters"\n`);
    this.#write('audit.json', JSON.stringify(auditPolicy));
    // A socket in the folder, so that the two need no ports. etcd does not use the port of its peers alone.
    const peer = 'http://127.0.0.1:0';
    this.#child('etcd', [
      '--data-dir=etcd',
      `--listen-client-urls=unix://${etcdSocket}`,
      `--advertise-client-urls=unix://${etcdSocket}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
    ]);
    for (let isTaken = true; isTaken;) {
      this.#port = randomInt(ports.from, ports.to);
      isTaken = !(await this.#startApiServer());
    }
    writeKubeconfig(this.kubeconfig, {
      server: this.url,
      ca: this.authority.certificate,
      user: { token: this.#token },
    });
    this.#child('kube-controller-manager', [
      ...['--kubeconfig', '--authentication-kubeconfig', '--authorization-kubeconfig'].map(
        (flag) => `${flag}=${this.kubeconfig}`,
      ),
      '--service-account-private-key-file=accounts.key',
      '--root-ca-file=ca.crt',
      '--use-service-account-credentials',
      '--leader-elect=false',
      // It serves nothing.
      '--secure-port=0',
    ]);
    await eventually('the namespace default has its account', async () => {
      const { code } = await this.admin.request({ path: '/api/v1/namespaces/default/serviceaccounts/default' });
      return code === 200;
    });
  }

  /** @returns whether it is ready; false: another program has its port. @throws if it ends. */
  async #startApiServer(): Promise<boolean> {
    const child = this.#child('kube-apiserver', [
      `--etcd-servers=unix://${etcdSocket}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${this.#port}`,
      '--tls-cert-file=api.crt',
      '--tls-private-key-file=api.key',
      '--token-auth-file=tokens.csv',
      '--client-ca-file=ca.crt',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--endpoint-reconciler-type=none',
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      '--service-account-key-file=accounts.key',
      '--service-account-signing-key-file=accounts.key',
      '--audit-policy-file=audit.json',
      `--audit-log-path=${auditLog}`,
      ...this.#flags,
    ]);
    this.#apiServer = child;
    await eventually(
      () => `kube-apiserver is ready: ${child.lastOutput}`,
      async () => child.hasEnded || (await this.#isReady()),
      readyMs,
    );
    if (child.hasEnded && !child.lastOutput.includes('address already in use')) throw new Error(child.lastOutput);
    return !child.hasEnded;
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await this.admin.request({ path: '/readyz' })).code === 200;
    } catch {
      return false;
    }
  }

  #child(name: string, args: readonly string[]): Child {
    const child = new Child(this.folder, name, args);
    this.#children.push(child);
    return child;
  }

  #write(name: string, text: string): void {
    writeFileSync(path.join(this.folder, name), text, { mode: 0o600 });
  }
}
