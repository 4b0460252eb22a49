import { createHash } from 'node:crypto';
import { BoundedMap } from '../../shared/limits/bounded-map.js';
import { driverLimits } from '../limits.js';

const { volumes, ofVolume } = driverLimits.messages.warnings;

/** Suppresses repeated warnings, so that a failure that is retried each minute is logged once. */
export class WarningDeduplicator {
  /** Digests, because a tenant chooses the length of messages. */
  readonly #messages = new BoundedMap<Set<string>>(volumes);

  /** Reports whether a message about the subject is new, and records it. */
  isFirst(subject: string, message: string): boolean {
    const messages = this.#messages.get(subject) ?? new Set();
    const digest = createHash('sha256').update(message).digest('base64');
    if (messages.has(digest)) return false;
    if (messages.size >= ofVolume) messages.clear();
    messages.add(digest);
    this.#messages.set(subject, messages);
    return true;
  }

  forget(subject: string): void {
    this.#messages.delete(subject);
  }
}
