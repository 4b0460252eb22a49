import type { ApprovalSubject } from '../../access/access-request.js';
import { accessRequests, isAbout } from '../../access/access-request.js';
import { approvalStateOf } from '../../access/approval-state.js';
import type { JsonObject } from '../../json.js';
import type { PodApprovals } from './ports.js';

/** Approvals by AccessRequestClient from manifests. */
export class ManifestApprovals implements PodApprovals {
  readonly #objects: () => readonly JsonObject[];

  /** @param objects of all kinds, as they are now. */
  constructor(objects: () => readonly JsonObject[]) {
    this.#objects = objects;
  }

  isGranted(about: ApprovalSubject): Promise<boolean> {
    return Promise.resolve(this.wasGranted(about));
  }

  wasGranted(about: ApprovalSubject): boolean {
    return this.#objects().some(
      (object) =>
        object['apiVersion'] === accessRequests.apiVersion &&
        object['kind'] === accessRequests.kind &&
        isAbout(about, object) &&
        approvalStateOf(object).kind === 'granted',
    );
  }
}
