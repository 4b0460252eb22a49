import { isAscii } from 'node:buffer';
import { JsonTokenizer } from './json-tokenizer.js';
import type { JsonVisitor } from './json-tokenizer.js';
import { limits } from '../limits/defaults.js';

/** An object of the API as it came, not yet parsed. */
export interface RawObject {
  /** JSON with null in place of its managed fields; undefined when it is larger than the limit. */
  readonly bytes: Buffer | undefined;
  /** Of its JSON without managed fields. */
  readonly sizeBytes: number;
  /** What it will take in memory once parsed, rather too much than too little. */
  readonly heapBytes: number;
  /** The part of it that is largest, such as `spec.params`. */
  readonly largestPart: string;
  /** Of `metadata`, as far as they are texts. */
  readonly identity: Readonly<Partial<Record<'name' | 'namespace' | 'resourceVersion', string>>>;
}

/** A document and the objects that it held. */
export interface SplitDocument {
  /** JSON with null in place of each object. */
  readonly envelope: Buffer;
  readonly objects: readonly RawObject[];
}

export interface SplitLimits {
  /** Of one object; what is larger is not kept. */
  readonly maxObjectBytes: number;
  /** Of one document as it comes. */
  readonly maxDocumentBytes: number;
}

type Sink = 'envelope' | 'object' | 'nothing';

const nullText = Buffer.from('null');
const managedFields = 'metadata.managedFields';
const maxObjects = limits.objects.listLength;

/**
 * What V8 takes for each, at least in most shapes: measured for shapes from empty lists to objects with a key each
 * that no other has (test/bench/object-heap.ts). The last is the worst, 44 bytes for each byte of JSON and half of
 * that by this estimate; usual objects take 3 and count as 12.
 */
const heapBytesOf = { bracket: 64, string: 16, separator: 32, member: 100 };

/** An object that is passing through. */
interface PendingObject {
  readonly start: number;
  kept: Buffer[];
  keptBytes: number;
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
 * Takes the objects out of a JSON document while it arrives: those in the list `items`, or the one that is the member
 * `object` of a watch's event. Nothing is built of what it reads, so an object beyond the limit costs a look at its
 * characters and no memory, whatever it would become when parsed; so do managed fields.
 */
export class ObjectSplitter implements JsonVisitor {
  readonly #member: 'items' | 'object';
  readonly #limits: SplitLimits;
  /** Brackets that are open inside an object and outside its members' values. */
  readonly #base: number;
  #walker: JsonTokenizer;
  #chunk: Buffer = nullText;
  #chunkStart = 0;
  /** Up to where the bytes have been given to a sink. */
  #done = 0;
  #sink: Sink = 'envelope';
  readonly #keys: string[] = [];
  readonly #memberStarts: (number | undefined)[] = [];
  #isInMember = false;
  /** Where the managed fields begin that are being passed over. */
  #droppedFrom: number | undefined;
  /** Whether the member of the object that is being read has members itself. */
  #hasMembers = false;
  #envelope: Buffer[] = [];
  #objects: RawObject[] = [];
  #current: PendingObject | undefined;

  constructor(member: 'items' | 'object', limits: SplitLimits) {
    this.#member = member;
    this.#limits = limits;
    this.#base = member === 'items' ? 3 : 2;
    this.#walker = new JsonTokenizer(this, this.#base + 1);
  }

  /** @throws {RangeError} when the document is too large. */
  write(chunk: Buffer): void {
    const { maxDocumentBytes } = this.#limits;
    this.#chunk = chunk;
    this.#chunkStart = this.#walker.position;
    if (this.#chunkStart + chunk.length > maxDocumentBytes) {
      throw new RangeError(`the document is larger than ${maxDocumentBytes} bytes`);
    }
    this.#walker.write(chunk);
    this.#flush(this.#walker.position);
  }

  /** The document as far as it has come, after which another one may be written; undefined when nothing has. */
  finish(): SplitDocument | undefined {
    if (this.#walker.position === 0) return undefined;
    const document = { envelope: Buffer.concat(this.#envelope), objects: this.#objects };
    this.#walker = new JsonTokenizer(this, this.#base + 1);
    this.#done = 0;
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
      this.#turnTo('nothing', position);
      this.#droppedFrom = position;
      this.#current.kept.push(nullText);
    }
  }

  onClose(position: number, depth: number): void {
    const current = this.#current;
    if (current === undefined) return;
    if (this.#droppedFrom !== undefined && depth === this.#base + 1) {
      current.droppedBytes += position + 1 - this.#droppedFrom;
      this.#droppedFrom = undefined;
      this.#turnTo(current.isTooLarge ? 'nothing' : 'object', position + 1);
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
    this.#turnTo('object', position);
    this.#envelope.push(nullText);
    this.#current = {
      start: position,
      kept: [],
      keptBytes: 0,
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
    this.#turnTo('envelope', end);
    this.#current = undefined;
    const { start, kept, droppedBytes, isTooLarge, largestPart, identity } = current;
    const sizeBytes = end - start - droppedBytes;
    const bytes = isTooLarge ? undefined : Buffer.concat(kept);
    this.#objects.push({ bytes, sizeBytes, heapBytes: heapBytes(current, sizeBytes, bytes), largestPart, identity });
  }

  /** The value that ends before `position` is that of the last key at `depth`. */
  #endMember(depth: number, position: number): void {
    const start = this.#memberStarts[depth];
    this.#memberStarts[depth] = undefined;
    if (start === undefined || this.#current === undefined || this.#path() === managedFields) return;
    // Of an object the members are compared, not the whole.
    const isWhole = depth === this.#base && this.#hasMembers;
    if (isWhole || position - start <= this.#current.largestBytes) return;
    this.#current.largestBytes = position - start;
    this.#current.largestPart = depth === this.#base ? (this.#keys[depth] ?? '') : this.#path();
  }

  /** Keys of the member of a member that is being read. */
  #path(): string {
    return `${this.#keys[this.#base] ?? ''}.${this.#keys[this.#base + 1] ?? ''}`;
  }

  #turnTo(sink: Sink, position: number): void {
    this.#flush(position);
    this.#sink = sink;
  }

  /** Gives what has come up to `position` to where it belongs. */
  #flush(position: number): void {
    const part = this.#chunk.subarray(this.#done - this.#chunkStart, position - this.#chunkStart);
    this.#done = position;
    if (part.length === 0 || this.#sink === 'nothing') return;
    if (this.#sink === 'envelope') this.#envelope.push(part);
    else if (this.#current !== undefined) this.#keep(part, this.#current);
  }

  #keep(part: Buffer, current: PendingObject): void {
    current.keptBytes += part.length;
    current.kept.push(part);
    if (current.keptBytes <= this.#limits.maxObjectBytes) return;
    current.isTooLarge = true;
    current.kept = [];
    this.#sink = 'nothing';
  }
}

/** Texts beyond ASCII take two bytes for each character of theirs. */
function heapBytes(
  { brackets, strings, separators, members }: PendingObject,
  sizeBytes: number,
  bytes: Buffer | undefined,
): number {
  const textBytes = bytes !== undefined && isAscii(bytes) ? sizeBytes : 2 * sizeBytes;
  const { bracket, string, separator, member } = heapBytesOf;
  return brackets * bracket + strings * string + separators * separator + members * member + textBytes;
}
