import { ProxyError } from '../../proxy-error.js';

/** A generator that no Secret makes usable. Its reason is that of a condition. */
export class UnusableGenerator extends ProxyError {
  readonly reason: 'BrokenGenerator' | 'UnsupportedGenerator';

  constructor(reason: UnusableGenerator['reason'], message: string) {
    super(502, 'misconfigured', message);
    this.reason = reason;
  }
}
