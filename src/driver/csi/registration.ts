import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { RegistrationHandlers } from './generated/pluginregistration/Registration.ts';
import { driverLimits } from '../limits.ts';
import { SocketServer } from './server.ts';
import { pluginRegistration } from './services.ts';
import { removeStaleSocket } from './socket-file.ts';
import type { RpcEdge } from './unary.ts';
import { unary } from './unary.ts';

interface RegistrationOptions {
  readonly driverName: string;
  /** Path of the socket, in the directory that the kubelet watches. */
  readonly socketPath: string;
  /** The CSI socket's path as the kubelet sees it. */
  readonly kubeletEndpoint: string;
  readonly edge: RpcEdge;
  /** Called for each connection over the limit. */
  readonly onRejected: () => void;
}

/** Interval between checks that the socket exists. */
const checkMs = 1000;
/** Delay before a rejected registration is offered again. */
const retryMs = 15_000;
/** Versions of the CSI specification; the kubelet accepts any 1.x. */
const supportedVersions = ['1.0.0'];

/**
 * Registers the driver with the kubelet, like the node-driver-registrar sidecar. It serves a socket in the directory
 * that the kubelet watches; the kubelet requests the driver's name there and reports the result.
 *
 * The kubelet forgets its plugins when it restarts, and some set-ups then empty the directory, so a missing socket is
 * created again. The kubelet reads a socket only once, so the driver replaces the socket some time after a rejection.
 */
export class KubeletRegistration {
  readonly #options: RegistrationOptions;
  #server: SocketServer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastStep: Promise<void> = Promise.resolve();
  #isRegistered = false;
  #retryAtMs: number | undefined;
  /** The last logged failure of a step, so that repeated ones are logged once. */
  #failure: string | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Whether the kubelet has accepted the driver on the present socket. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /**
   * Offers the driver to the kubelet. Call it once the CSI socket is served. @throws {CodedError} if the socket cannot
   * be created.
   */
  async start(): Promise<void> {
    await this.#listen();
    this.#timer = setInterval(() => this.#enqueue(() => this.#check()), checkMs).unref();
  }

  /** Removes the socket, which deregisters the driver. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#lastStep;
    await this.#server?.stop();
    this.#isRegistered = false;
  }

  /** Runs steps in sequence. A failed step is retried at the next check. */
  #enqueue(step: () => Promise<void>): void {
    this.#lastStep = this.#lastStep.then(step).catch((error: unknown) => this.#reportFailure(error));
  }

  async #check(): Promise<void> {
    const isDue = this.#retryAtMs !== undefined && performance.now() >= this.#retryAtMs;
    const isGone = this.#server?.isInPlace !== true;
    if (!isDue && !isGone) return;
    if (isGone && this.#failure === undefined)
      this.#options.edge.log.info('Registration socket disappeared, recreating it', { path: this.#options.socketPath });
    if (isGone) {
      this.#isRegistered = false;
      // Node would also remove the socket of another driver.
      await removeStaleSocket(this.#options.socketPath);
    }
    await this.#server?.stop();
    await this.#listen();
    this.#failure = undefined;
  }

  #reportFailure(error: unknown): void {
    const { edge, socketPath } = this.#options;
    const failure = error instanceof Error ? error.message : String(error);
    if (failure !== this.#failure)
      edge.log.error('Failed to offer the driver to the kubelet', { path: socketPath, error });
    this.#failure = failure;
  }

  async #listen(): Promise<void> {
    this.#isRegistered = false;
    this.#retryAtMs = undefined;
    this.#server = new SocketServer({
      socketPath: this.#options.socketPath,
      ownsFolder: false,
      services: [{ definition: pluginRegistration.Registration.service, implementation: this.#service() }],
      drainMs: 1000,
      socket: driverLimits.csiSocket,
      onRejected: this.#options.onRejected,
      log: this.#options.edge.log,
    });
    await this.#server.start();
  }

  #service(): UntypedServiceImplementation {
    const { driverName, kubeletEndpoint, edge } = this.#options;
    const handlers: RegistrationHandlers = {
      GetInfo: unary('GetInfo', edge, () => ({
        type: 'CSIPlugin',
        name: driverName,
        endpoint: kubeletEndpoint,
        supported_versions: supportedVersions,
      })),
      NotifyRegistrationStatus: unary('NotifyRegistrationStatus', edge, (status) => {
        this.#reportStatus(status.plugin_registered, status.error);
        return {};
      }),
    };
    return { ...handlers };
  }

  #reportStatus(isRegistered: boolean, rejection: string): void {
    const { edge, driverName } = this.#options;
    this.#isRegistered = isRegistered;
    if (isRegistered) {
      edge.log.info('Registered with the kubelet', { name: driverName });
      return;
    }
    this.#retryAtMs = performance.now() + retryMs;
    edge.log.error('Kubelet rejected the driver', { name: driverName, reason: rejection, delayMs: retryMs });
  }
}
