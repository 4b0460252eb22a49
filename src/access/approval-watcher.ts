import { objectKey } from '../kube/kube-object.js';
import type { Reflector } from '../kube/reflector.js';
import { isAbout } from './access-request.js';
import type { ApprovalSubject } from './access-request.js';
import type { AccessRequestClient } from './access-request-client.js';
import { approvalStateOf } from './approval-state.js';
import type { ApprovalState } from './approval-state.js';
import type { Permission } from './permission.js';
import { permissionKey } from './permission.js';
import { limits } from '../limits/defaults.js';

/** What an approval has come to; `gone`: its request was deleted. */
export type MountedState = ApprovalState['kind'] | 'gone';

/** A request that a mounted volume rests on. */
export interface MountedApproval {
  readonly subject: ApprovalSubject;
  /** Of the AccessRequest. */
  readonly name: string;
  /** What it gives. */
  readonly permission: Permission;
}

export interface ApprovalWatcherOptions {
  readonly requests: AccessRequestClient;
  /** @param state what it has become; called before anybody else can see it. */
  readonly onChange: (permission: Permission, state: MountedState) => void;
}

interface Watched {
  readonly mounted: MountedApproval;
  readonly reflector: Reflector;
  /** Ids. */
  readonly volumes: Set<string>;
  /** Undefined: not read yet. */
  state: MountedState | undefined;
}

const maxWatched = limits.access.watchedApprovals;

/** Watches the AccessRequestClient of mounted volumes, each by its name, so that a decision that is changed is seen at once. */
export class ApprovalWatcher {
  readonly #options: ApprovalWatcherOptions;
  /** By `permissionKey`. */
  readonly #watched = new Map<string, Watched>();

  constructor(options: ApprovalWatcherOptions) {
    this.#options = options;
  }

  /** The requests that a volume rests on from now on, and no others. */
  retain(volumeId: string, cases: readonly MountedApproval[]): void {
    const wanted = new Map(cases.map((mounted) => [permissionKey(mounted.permission), mounted]));
    for (const [key, watched] of this.#watched) {
      if (wanted.get(key)?.name !== watched.mounted.name) this.#release(key, watched, volumeId);
    }
    for (const [key, mounted] of wanted) this.#watch(key, mounted)?.volumes.add(volumeId);
  }

  release(volumeId: string): void {
    for (const [key, watched] of this.#watched) this.#release(key, watched, volumeId);
  }

  /** Of those that are watched, and were read. */
  stateOf(permission: Permission): MountedState | undefined {
    return this.#watched.get(permissionKey(permission))?.state;
  }

  stop(): void {
    for (const { reflector } of this.#watched.values()) reflector.stop();
    this.#watched.clear();
  }

  #watch(key: string, mounted: MountedApproval): Watched | undefined {
    const known = this.#watched.get(key);
    if (known !== undefined || this.#watched.size >= maxWatched) return known;
    const reflector = this.#options.requests.reflector(mounted.subject, mounted.name);
    const watched: Watched = { mounted, reflector, volumes: new Set(), state: undefined };
    this.#watched.set(key, watched);
    reflector.state.onChange(() => this.#look(watched));
    reflector.start();
    return watched;
  }

  #release(key: string, watched: Watched, volumeId: string): void {
    if (!watched.volumes.delete(volumeId) || watched.volumes.size > 0) return;
    watched.reflector.stop();
    this.#watched.delete(key);
  }

  #look(watched: Watched): void {
    const { subject: about, name, permission } = watched.mounted;
    const { objects } = watched.reflector.state;
    const request = objects.get(objectKey({ namespace: about.connector.namespace, name }));
    const isOurs = request !== undefined && isAbout(about, request);
    const state = isOurs ? approvalStateOf(request).kind : 'gone';
    if (state === watched.state) return;
    watched.state = state;
    this.#options.onChange(permission, state);
  }
}
