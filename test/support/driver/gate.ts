import { abortError } from '../../../src/shared/errors.ts';
import { eventually } from '../poll.ts';

/** A place where calls wait until a test lets them go on, or until they are aborted. */
export class Gate {
  #waiting = 0;
  #open: () => void = () => undefined;
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve));

  async pass(signal: AbortSignal): Promise<void> {
    this.#waiting += 1;
    try {
      await Promise.race([this.#opened, aborted(signal)]);
    } finally {
      this.#waiting -= 1;
    }
  }

  open(): void {
    this.#open();
  }

  async untilWaiting(count: number): Promise<void> {
    await eventually(`${count} calls wait at the gate`, () => this.#waiting === count);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(abortError(signal));
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail, { once: true });
  });
}
