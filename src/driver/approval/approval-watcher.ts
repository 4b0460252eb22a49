import type { Reflector } from '../../shared/kube/reflector.ts';
import { isAbout } from '../../shared/access/access-request.ts';
import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import type { AccessRequestClient } from './access-request-client.ts';
import { approvalStateOf } from '../../shared/access/approval-state.ts';
import type { ApprovalState } from '../../shared/access/approval-state.ts';
import type { Permission } from '../../shared/access/permission.ts';
import { permissionKey } from '../../shared/access/permission.ts';
import { driverLimits } from '../limits.ts';
import { objectKey } from '../../shared/names.ts';

/** State of an approval; `gone`: its request was deleted. */
export type MountedState = ApprovalState['kind'] | 'gone';

/** A request that grants a permission to a mounted volume. */
export interface MountedApproval {
  readonly subject: ApprovalSubject;
  /** Name of the AccessRequest. */
  readonly name: string;
  /** The permission that it grants. */
  readonly permission: Permission;
}

interface ApprovalWatcherOptions {
  readonly requests: AccessRequestClient;
  /** Called on each change, before `stateOf` is read by others. */
  readonly onChange: (permission: Permission, state: MountedState) => void;
}

interface Watched {
  readonly mounted: MountedApproval;
  readonly reflector: Reflector;
  /** Volume ids. */
  readonly volumes: Set<string>;
  /** Undefined until the first read. */
  state: MountedState | undefined;
}

/** Watches the AccessRequests of mounted volumes, one watch each, so that a changed decision takes effect at once. */
export class ApprovalWatcher {
  readonly #options: ApprovalWatcherOptions;
  /** By `permissionKey`. */
  readonly #watched = new Map<string, Watched>();

  constructor(options: ApprovalWatcherOptions) {
    this.#options = options;
  }

  /** Replaces the requests that the volume depends on. */
  retain(volumeId: string, approvals: readonly MountedApproval[]): void {
    const wanted = new Map(approvals.map((mounted) => [permissionKey(mounted.permission), mounted]));
    for (const [key, watched] of this.#watched) {
      if (wanted.get(key)?.name !== watched.mounted.name) this.#release(key, watched, volumeId);
    }
    for (const [key, mounted] of wanted) this.#watch(key, mounted)?.volumes.add(volumeId);
  }

  release(volumeId: string): void {
    for (const [key, watched] of this.#watched) this.#release(key, watched, volumeId);
  }

  /** Returns the state of the request; undefined if it is not watched or not read yet. */
  stateOf(permission: Permission): MountedState | undefined {
    return this.#watched.get(permissionKey(permission))?.state;
  }

  stop(): void {
    for (const { reflector } of this.#watched.values()) reflector.stop();
    this.#watched.clear();
  }

  #watch(key: string, mounted: MountedApproval): Watched | undefined {
    const existing = this.#watched.get(key);
    if (existing !== undefined || this.#watched.size >= driverLimits.approvals.watched) return existing;
    const reflector = this.#options.requests.reflector(mounted.subject, mounted.name);
    const watched: Watched = { mounted, reflector, volumes: new Set(), state: undefined };
    this.#watched.set(key, watched);
    reflector.state.onChange(() => this.#update(watched));
    reflector.start();
    return watched;
  }

  #release(key: string, watched: Watched, volumeId: string): void {
    if (!watched.volumes.delete(volumeId) || watched.volumes.size > 0) return;
    watched.reflector.stop();
    this.#watched.delete(key);
  }

  #update(watched: Watched): void {
    const { subject, name, permission } = watched.mounted;
    const { objects } = watched.reflector.state;
    const request = objects.get(objectKey({ namespace: subject.connector.namespace, name }));
    const isOurs = request !== undefined && isAbout(subject, request);
    const state = isOurs ? approvalStateOf(request).kind : 'gone';
    if (state === watched.state) return;
    watched.state = state;
    this.#options.onChange(permission, state);
  }
}
