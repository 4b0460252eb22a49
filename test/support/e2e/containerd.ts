import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import type { Client, GrpcObject, ServiceClientConstructor, ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { eventually } from '../poll.ts';

/** Of the script for nodes. */
interface PullCredential {
  readonly username: string;
  readonly password: string;
}

interface ImageService extends Client {
  PullImage(request: object, done: (error: ServiceError | null, response?: { image_ref: string }) => void): void;
  RemoveImage(request: object, done: (error: ServiceError | null) => void): void;
}

const { runtime } = loadPackageDefinition(
  loadSync(path.join(import.meta.dirname, 'cri.proto'), { keepCase: true }),
) as GrpcObject & { readonly runtime: { readonly v1: { readonly ImageService: ServiceClientConstructor } } };

/** Debian's containerd, with all that it keeps in one folder. The kubelet's part is played over its CRI socket. */
export class Containerd {
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #images: ImageService;

  private constructor(child: ChildProcess, logFile: string, socket: string) {
    this.#child = child;
    this.#logFile = logFile;
    this.#images = new runtime.v1.ImageService(
      `unix://${socket}`,
      credentials.createInsecure(),
    ) as unknown as ImageService;
  }

  /**
   * @param directory to be made; short, for the paths of sockets.
   * @param hosts the folder with a `hosts.toml` for each registry name.
   */
  static async start(directory: string, hosts: string): Promise<Containerd> {
    mkdirSync(directory);
    const at = (name: string): string => path.join(directory, name);
    const configuration = `version = 2
root = "${at('root')}"
state = "${at('state')}"
[grpc]
address = "${at('sock')}"
[ttrpc]
address = "${at('ttrpc')}"
[plugins."io.containerd.internal.v1.opt"]
path = "${at('opt')}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "${hosts}"
`;
    writeFileSync(at('config.toml'), configuration);
    const log = openSync(at('log'), 'w');
    const child = spawn('containerd', ['--config', at('config.toml')], { stdio: ['ignore', log, log] });
    closeSync(log);
    const containerd = new Containerd(child, at('log'), at('sock'));
    await eventually(
      'containerd is up',
      () => containerd.log.includes('successfully booted') || child.exitCode !== null,
      60_000,
    );
    return containerd;
  }

  get log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  /** As the kubelet does. @returns the digest of the configuration. @throws {ServiceError} with the text of the event. */
  pull(image: string, auth?: PullCredential): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#images.PullImage({ image: { image }, auth }, (error, response) => {
        if (error === null) resolve(response?.image_ref ?? '');
        else reject(error);
      });
    });
  }

  remove(image: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#images.RemoveImage({ image: { image } }, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  async stop(): Promise<void> {
    this.#images.close();
    this.#child.kill('SIGTERM');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }
}

/** What the kubelet gets from the installed script for an image and a token. */
export function providedCredential(script: string, image: string, serviceAccountToken: string): PullCredential {
  const apiVersion = 'credentialprovider.kubelet.k8s.io/v1';
  const request = { kind: 'CredentialProviderRequest', apiVersion, image, serviceAccountToken };
  const response = execFileSync(script, ['connectors.local'], {
    input: `${JSON.stringify(request)}\n`,
    encoding: 'utf8',
  });
  const { auth } = JSON.parse(response) as { readonly auth: { readonly 'connectors.local': PullCredential } };
  return auth['connectors.local'];
}
