import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Log } from '../../log.js';
import type { RegistrationHandlers } from './generated/pluginregistration/Registration.js';
import type { ConnectionLimits, SocketLimits } from './server.js';
import { SocketServer } from './server.js';
import { pluginRegistration } from './services.js';
import type { RpcEdge } from './unary.js';
import { unary } from './unary.js';

export interface RegistrationOptions {
  readonly driverName: string;
  /** In the directory that the kubelet watches. */
  readonly socketPath: string;
  /** The CSI socket's path as the kubelet sees it. */
  readonly kubeletEndpoint: string;
  readonly edge: RpcEdge;
  readonly log: Log;
  /** Milliseconds between two looks at whether the socket is still there. */
  readonly checkMs: number;
  /** Milliseconds after which a refused registration is offered again. */
  readonly retryMs: number;
  readonly socket: SocketLimits;
  readonly connection: ConnectionLimits;
  /** Called for each connection over the limit. */
  readonly onRejected: () => void;
}

/** Of the CSI specification; the kubelet takes any 1.x. */
const supportedVersions = ['1.0.0'];

/**
 * Registers the driver with the kubelet, as the node-driver-registrar sidecar would: a socket in the directory that the
 * kubelet watches, on which it asks who this is and then says whether it took it. The kubelet forgets its plugins when
 * it restarts and some set-ups empty the directory then, so a socket that is gone is made anew. A refusal is logged as
 * an error and the socket is offered again later, since the kubelet looks at a socket only once.
 */
export class KubeletRegistration {
  readonly #options: RegistrationOptions;
  #server: SocketServer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #isRegistered = false;
  #offerAgainAtMs: number | undefined;
  /** What the log has said of the step that fails again and again. */
  #failure: string | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Whether the kubelet has accepted the driver on the socket that is there now. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /** To be called once the CSI socket answers. @throws {CodedError} when the socket cannot be made. */
  async start(): Promise<void> {
    await this.#listen();
    this.#timer = setInterval(() => this.#enqueue(() => this.#check()), this.#options.checkMs).unref();
  }

  /** Removes the socket, which deregisters the driver. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#underWay;
    await this.#server?.stop();
    this.#isRegistered = false;
  }

  /** One step at a time; a step that fails is tried again at the next check. */
  #enqueue(step: () => Promise<void>): void {
    this.#underWay = this.#underWay.then(step).catch((error: unknown) => this.#noteFailure(error));
  }

  async #check(): Promise<void> {
    const isDue = this.#offerAgainAtMs !== undefined && performance.now() >= this.#offerAgainAtMs;
    const isGone = this.#server?.isInPlace !== true;
    if (!isDue && !isGone) return;
    if (isGone && this.#failure === undefined)
      this.#options.log.info('Registration socket disappeared, recreating it', { path: this.#options.socketPath });
    await this.#server?.stop();
    await this.#listen();
    this.#failure = undefined;
  }

  #noteFailure(error: unknown): void {
    const { log, socketPath } = this.#options;
    const failure = error instanceof Error ? error.message : String(error);
    if (failure !== this.#failure) log.error('Failed to offer the driver to the kubelet', { path: socketPath, error });
    this.#failure = failure;
  }

  async #listen(): Promise<void> {
    this.#isRegistered = false;
    this.#offerAgainAtMs = undefined;
    this.#server = new SocketServer({
      socketPath: this.#options.socketPath,
      ownsFolder: false,
      services: [{ definition: pluginRegistration.Registration.service, implementation: this.#service() }],
      drainMs: 1000,
      socket: this.#options.socket,
      connection: this.#options.connection,
      onRejected: this.#options.onRejected,
      log: this.#options.log,
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
        this.#note(status.plugin_registered, status.error);
        return {};
      }),
    };
    return { ...handlers };
  }

  #note(isRegistered: boolean, refusal: string): void {
    const { log, driverName, retryMs } = this.#options;
    this.#isRegistered = isRegistered;
    if (isRegistered) {
      log.info('Registered with the kubelet', { name: driverName });
      return;
    }
    this.#offerAgainAtMs = performance.now() + retryMs;
    log.error('Kubelet rejected the driver', { name: driverName, reason: refusal, delayMs: retryMs });
  }
}
