import type { ApprovalSubject } from '../../shared/access/access-request.js';
import { accessRequests, isAbout } from '../../shared/access/access-request.js';
import { approvalStateOf } from '../../shared/access/approval-state.js';
import type { JsonObject } from '../../shared/json.js';
import type { PodApprovals } from './ports.js';

/** Approvals by AccessRequests in manifests. */
export class ManifestApprovals implements PodApprovals {
  readonly #objects: () => readonly JsonObject[];

  /** @param objects returns the current objects of all kinds. */
  constructor(objects: () => readonly JsonObject[]) {
    this.#objects = objects;
  }

  isGranted(subject: ApprovalSubject): Promise<boolean> {
    return Promise.resolve(this.wasGranted(subject));
  }

  wasGranted(subject: ApprovalSubject): boolean {
    return this.#objects().some(
      (object) =>
        object['apiVersion'] === accessRequests.apiVersion &&
        object['kind'] === accessRequests.kind &&
        isAbout(subject, object) &&
        approvalStateOf(object).kind === 'granted',
    );
  }
}
