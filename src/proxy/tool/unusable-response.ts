import { proxyLimits } from '../limits.js';
import type { RawHeaders } from './headers.js';

/** A response that cannot be forwarded. The message lacks its subject, the tool. */
export class UnusableResponse extends Error {
  override readonly name = 'UnusableResponse';

  /** Returns the error for a response; undefined if it can be forwarded. */
  static of(status: number, rawHeaders: RawHeaders): UnusableResponse | undefined {
    if (status === 101) return new UnusableResponse('switched protocols (101) without being asked to');
    if (status < 200) return new UnusableResponse('responds with a status that cannot be passed on');
    if (rawHeaders.length > 2 * proxyLimits.headers.lines)
      return new UnusableResponse('responds with too many headers');
    return undefined;
  }
}
