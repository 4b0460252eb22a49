import fs from 'node:fs';
import { once } from 'node:events';
import { Socket } from 'node:net';
import sonicBoom from 'sonic-boom';
import type { limits } from '../limits/defaults.ts';

type LogOutputLimits = Readonly<Record<keyof typeof limits.log, number>>;

/** Half of a pipe. Lines of this size are written at once. Each write wakes up a thread, and then the reader. */
const gatheredCharacters = 32 << 10;

/**
 * Writes lines to a reader that can stop reading or go away, without blocking the process, ending it or growing its
 * memory. Lines beyond the limit are dropped whole and counted.
 */
export class LogOutput {
  readonly #stream: sonicBoom.SonicBoom;
  readonly #gatherMs: number;
  #gathered = '';
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #dropped = 0;
  /** Lines that were dropped since the last report. */
  #unreported = 0;
  #onDropped: ((lines: number) => void) | undefined;

  /** @param descriptor open for writing, such as that of standard error. */
  constructor(descriptor: number, { maxQueuedBytes, gatherMs }: LogOutputLimits) {
    this.#gatherMs = gatherMs;
    this.#stream = new sonicBoom.SonicBoom({ fd: nonBlocking(descriptor), maxLength: maxQueuedBytes, sync: false })
      .on('drop', (lines: string) => this.#drop(lines))
      .on('drain', () => this.#drained())
      // The reader is gone. The lines stay queued, for another reader of a named pipe.
      .on('error', () => (this.#isWriting = false));
  }

  get droppedLines(): number {
    return this.#dropped;
  }

  /** Registers a callback. @param onDropped called with the number of dropped lines once the reader continues. */
  onResumed(onDropped: (lines: number) => void): void {
    this.#onDropped = onDropped;
  }

  write(line: string): void {
    this.#gathered += line;
    if (this.#gathered.length >= gatheredCharacters) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#gatherMs).unref();
  }

  /** Waits until everything is written, but not for a blocked reader. @param maxMs limit of the wait. */
  async drain(maxMs: number): Promise<void> {
    this.#flush();
    if (!this.#isWriting) return;
    await once(this.#stream, 'drain', { signal: AbortSignal.timeout(maxMs) }).catch(() => undefined);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#gathered;
    this.#gathered = '';
    if (lines === '') return;
    this.#isWriting = true;
    this.#stream.write(lines);
  }

  #drop(lines: string): void {
    const count = lines.split('\n').length - 1;
    this.#dropped += count;
    this.#unreported += count;
  }

  #drained(): void {
    this.#isWriting = false;
    if (this.#unreported === 0 || this.#onDropped === undefined) return;
    const lines = this.#unreported;
    this.#unreported = 0;
    this.#onDropped(lines);
  }
}

/**
 * Returns a descriptor whose writes fail instead of block a thread, which could keep the process from its end. The flag
 * for that belongs to the open file. A terminal or pipe shares it with other processes that may rely on blocking, so it
 * is opened again. A socket cannot be opened again; libuv sets the flag there, as for every socket of a Node process.
 */
function nonBlocking(descriptor: number): number {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
  const stats = fs.fstatSync(descriptor);
  if (stats.isSocket()) new Socket({ fd: descriptor, readable: false, writable: true }).unref();
  if (!stats.isFIFO() && !stats.isCharacterDevice()) return descriptor;
  try {
    return fs.openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return descriptor;
  }
}
