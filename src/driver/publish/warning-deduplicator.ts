import { createHash } from 'node:crypto';
import { BoundedMap } from '../../shared/limits/bounded-map.js';
/** Limit of subjects: several times the volumes of a full node, many of which may never be mounted. */
const maxSubjects = 1024;
/** Limit per subject; only content that changes all the time causes more. */
const maxMessages = 16;

/** Suppresses repeated warnings, so that a failure that is retried each minute is logged once. */
export class WarningDeduplicator {
  /** Digests, because a tenant chooses the length of messages. */
  readonly #messages = new BoundedMap<Set<string>>(maxSubjects);

  /** Reports whether a message about the subject is new, and records it. */
  isFirst(subject: string, message: string): boolean {
    const messages = this.#messages.get(subject) ?? new Set();
    const digest = createHash('sha256').update(message).digest('base64');
    if (messages.has(digest)) return false;
    if (messages.size >= maxMessages) messages.clear();
    messages.add(digest);
    this.#messages.set(subject, messages);
    return true;
  }

  forget(subject: string): void {
    this.#messages.delete(subject);
  }
}
