import { isAscii } from 'node:buffer';
import { JsonTokenizer } from './json-tokenizer.js';
import type { JsonVisitor } from './json-tokenizer.js';
import { limits } from '../limits/defaults.js';

/** An unparsed API object. */
export interface RawObject {
  /** JSON with null in place of managed fields; undefined if it is over the limit. */
  readonly bytes: Buffer | undefined;
  /** Size of its JSON without managed fields. */
  readonly sizeBytes: number;
  /** Estimated heap size once parsed; errs on the high side. */
  readonly heapBytes: number;
  /** Path of the largest member, such as `spec.params`. */
  readonly largestPart: string;
  /** Strings of `metadata`. */
  readonly identity: Readonly<Partial<Record<'name' | 'namespace' | 'resourceVersion', string>>>;
}

/** A document and its objects. */
export interface SplitDocument {
  /** JSON with null in place of each object. */
  readonly envelope: Buffer;
  readonly objects: readonly RawObject[];
}

export interface SplitLimits {
  /** Limit of one object; a larger one is not stored. */
  readonly maxObjectBytes: number;
  /** Limit of one document as received. */
  readonly maxDocumentBytes: number;
}

type Sink = 'envelope' | 'object' | 'nothing';

const nullText = Buffer.from('null');
const managedFields = 'metadata.managedFields';
const maxObjects = limits.objects.listLength;

/**
 * Heap bytes per JSON token in V8, measured for shapes from empty lists to objects with unique keys
 * (test/bench/object-heap.ts). Per byte of JSON, usual objects take 3 bytes and are estimated at 12. Unique keys are
 * the worst case: 44 bytes, estimated at half of that.
 */
const heapBytesOf = { bracket: 64, string: 16, separator: 32, member: 100 };

/** The object that is being read. */
interface PendingObject {
  readonly start: number;
  stored: Buffer[];
  storedBytes: number;
  droppedBytes: number;
  brackets: number;
  strings: number;
  separators: number;
  members: number;
  isTooLarge: boolean;
  largestPart: string;
  largestBytes: number;
  readonly identity: { name?: string; namespace?: string; resourceVersion?: string };
}

/**
 * Splits a streamed JSON document into its objects: the elements of `items`, or the member `object` of a watch event.
 * Nothing is parsed. An object over the limit and managed fields are scanned but not stored, so they take no memory.
 */
export class ObjectSplitter implements JsonVisitor {
  readonly #member: 'items' | 'object';
  readonly #limits: SplitLimits;
  /** Number of open brackets inside an object, outside the values of its members. */
  readonly #base: number;
  #tokenizer: JsonTokenizer;
  #chunk: Buffer = nullText;
  #chunkStart = 0;
  /** Position up to which bytes are processed. */
  #processed = 0;
  #sink: Sink = 'envelope';
  readonly #keys: string[] = [];
  readonly #memberStarts: (number | undefined)[] = [];
  #isInMember = false;
  /** Start of the managed fields that are being skipped. */
  #droppedFrom: number | undefined;
  /** Whether the current member of the object has members itself. */
  #hasMembers = false;
  #envelope: Buffer[] = [];
  #objects: RawObject[] = [];
  #current: PendingObject | undefined;

  constructor(member: 'items' | 'object', limits: SplitLimits) {
    this.#member = member;
    this.#limits = limits;
    this.#base = member === 'items' ? 3 : 2;
    this.#tokenizer = new JsonTokenizer(this, this.#base + 1);
  }

  /** @throws {RangeError} if the document is too large. */
  write(chunk: Buffer): void {
    const { maxDocumentBytes } = this.#limits;
    this.#chunk = chunk;
    this.#chunkStart = this.#tokenizer.position;
    if (this.#chunkStart + chunk.length > maxDocumentBytes) {
      throw new RangeError(`the document is larger than ${maxDocumentBytes} bytes`);
    }
    this.#tokenizer.write(chunk);
    this.#flush(this.#tokenizer.position);
  }

  /**
   * Returns the document as received so far and resets, so that another one can be written. Undefined if nothing was
   * received.
   */
  finish(): SplitDocument | undefined {
    if (this.#tokenizer.position === 0) return undefined;
    const document = { envelope: Buffer.concat(this.#envelope), objects: this.#objects };
    this.#tokenizer = new JsonTokenizer(this, this.#base + 1);
    this.#processed = 0;
    this.#sink = 'envelope';
    this.#keys.length = 0;
    this.#memberStarts.length = 0;
    this.#isInMember = false;
    this.#droppedFrom = undefined;
    this.#hasMembers = false;
    this.#envelope = [];
    this.#objects = [];
    this.#current = undefined;
    return document;
  }

  onOpen(position: number, depth: number, isObject: boolean): void {
    if (depth === 1) this.#isInMember = this.#keys[1] === this.#member && isObject === (this.#member === 'object');
    if (this.#current === undefined) {
      if (isObject && depth === this.#base - 1 && this.#isInMember) this.#beginObject(position);
      return;
    }
    if (depth === this.#base) this.#keys[depth + 1] = '';
    if (this.#droppedFrom !== undefined) return;
    this.#current.brackets += 1;
    if (depth === this.#base + 1 && this.#path() === managedFields) {
      this.#switchTo('nothing', position);
      this.#droppedFrom = position;
      this.#current.stored.push(nullText);
    }
  }

  onClose(position: number, depth: number): void {
    const current = this.#current;
    if (current === undefined) return;
    if (this.#droppedFrom !== undefined && depth === this.#base + 1) {
      current.droppedBytes += position + 1 - this.#droppedFrom;
      this.#droppedFrom = undefined;
      this.#switchTo(current.isTooLarge ? 'nothing' : 'object', position + 1);
    }
    this.#endMember(depth + 1, position);
    if (depth < this.#base) this.#endObject(position + 1, current);
  }

  onString(): void {
    if (this.#current !== undefined && this.#droppedFrom === undefined) this.#current.strings += 1;
  }

  onSeparator(position: number, depth: number): void {
    if (this.#current === undefined || this.#droppedFrom !== undefined) return;
    this.#current.separators += 1;
    this.#endMember(depth, position);
  }

  onKey(position: number, depth: number, key: string): void {
    if (this.#current !== undefined && this.#droppedFrom === undefined) this.#current.members += 1;
    if (depth > this.#base + 1) return;
    this.#keys[depth] = key;
    if (depth < this.#base) return;
    this.#memberStarts[depth] = position + 1;
    this.#hasMembers = depth > this.#base;
  }

  onText(depth: number, text: string): void {
    const [parent, key] = [this.#keys[this.#base], this.#keys[depth]];
    if (this.#current === undefined || depth !== this.#base + 1 || parent !== 'metadata') return;
    if (key === 'name' || key === 'namespace' || key === 'resourceVersion') this.#current.identity[key] = text;
  }

  #beginObject(position: number): void {
    if (this.#objects.length >= maxObjects) throw new RangeError(`it holds more than ${maxObjects} objects`);
    this.#switchTo('object', position);
    this.#envelope.push(nullText);
    this.#current = {
      start: position,
      stored: [],
      storedBytes: 0,
      droppedBytes: 0,
      brackets: 1,
      strings: 0,
      separators: 0,
      members: 0,
      isTooLarge: false,
      largestPart: '',
      largestBytes: 0,
      identity: {},
    };
  }

  #endObject(end: number, current: PendingObject): void {
    this.#switchTo('envelope', end);
    this.#current = undefined;
    const { start, stored, droppedBytes, isTooLarge, largestPart, identity } = current;
    const sizeBytes = end - start - droppedBytes;
    const bytes = isTooLarge ? undefined : Buffer.concat(stored);
    this.#objects.push({ bytes, sizeBytes, heapBytes: heapBytes(current, sizeBytes, bytes), largestPart, identity });
  }

  /** Ends the value of the last key at `depth`, which ends before `position`. */
  #endMember(depth: number, position: number): void {
    const start = this.#memberStarts[depth];
    this.#memberStarts[depth] = undefined;
    if (start === undefined || this.#current === undefined || this.#path() === managedFields) return;
    // For a member that is an object, its members are compared instead.
    const isWhole = depth === this.#base && this.#hasMembers;
    if (isWhole || position - start <= this.#current.largestBytes) return;
    this.#current.largestBytes = position - start;
    this.#current.largestPart = depth === this.#base ? (this.#keys[depth] ?? '') : this.#path();
  }

  /** Returns the keys of the current member, as `outer.inner`. */
  #path(): string {
    return `${this.#keys[this.#base] ?? ''}.${this.#keys[this.#base + 1] ?? ''}`;
  }

  #switchTo(sink: Sink, position: number): void {
    this.#flush(position);
    this.#sink = sink;
  }

  /** Passes the bytes up to `position` to the current sink. */
  #flush(position: number): void {
    const part = this.#chunk.subarray(this.#processed - this.#chunkStart, position - this.#chunkStart);
    this.#processed = position;
    if (part.length === 0 || this.#sink === 'nothing') return;
    if (this.#sink === 'envelope') this.#envelope.push(part);
    else if (this.#current !== undefined) this.#store(part, this.#current);
  }

  #store(part: Buffer, current: PendingObject): void {
    current.storedBytes += part.length;
    current.stored.push(part);
    if (current.storedBytes <= this.#limits.maxObjectBytes) return;
    current.isTooLarge = true;
    current.stored = [];
    this.#sink = 'nothing';
  }
}

/** Estimates the heap size. A string with characters beyond ASCII takes two bytes per character. */
function heapBytes(
  { brackets, strings, separators, members }: PendingObject,
  sizeBytes: number,
  bytes: Buffer | undefined,
): number {
  const textBytes = bytes !== undefined && isAscii(bytes) ? sizeBytes : 2 * sizeBytes;
  const { bracket, string, separator, member } = heapBytesOf;
  return brackets * bracket + strings * string + separators * separator + members * member + textBytes;
}
