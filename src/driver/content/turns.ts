/**
 * Gives each of the renders that take long one slice between two rounds of the event loop, so that calls are answered
 * between them however many they are.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  next(): Promise<void> {
    this.#last = this.#last.then(
      () =>
        new Promise((resolve) => {
          setImmediate(resolve);
        }),
    );
    return this.#last;
  }
}
