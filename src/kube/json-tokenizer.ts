/** What a walker meets; positions count bytes from the beginning of the document. */
export interface JsonVisitor {
  /** `{` or `[` at `position`; `depth` brackets are open around it. */
  onOpen(position: number, depth: number, isObject: boolean): void;
  /** The bracket at `position` closes; `depth` brackets stay open. */
  onClose(position: number, depth: number): void;
  /** A string begins. */
  onString(): void;
  /** A comma between items or members at `depth`. */
  onSeparator(position: number, depth: number): void;
  /** The colon after a key at `depth`; below the depth that is told the key is empty. */
  onKey(position: number, depth: number, key: string): void;
  /** A string that is the value of the last key at `depth`. */
  onText(depth: number, text: string): void;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Longer texts are told cut off: no name that counts is as long. */
const maxTextBytes = 1024;

/**
 * Goes through JSON as it arrives, in chunks cut anywhere, and tells of its structure without building anything. It does
 * not judge: what is no JSON is walked through all the same, for a parser to refuse.
 */
export class JsonTokenizer {
  readonly #visitor: JsonVisitor;
  /** Down to this many open brackets keys and texts are told. */
  readonly #toldDepth: number;
  #offset = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** By depth: whether the container is an object, whether the next string in it is a key, and the last key. */
  readonly #isObject: boolean[] = [];
  readonly #awaitsKey: boolean[] = [];
  readonly #keys: string[] = [];
  /** Of the string under way, when it is to be told. */
  #text: Buffer[] | undefined;

  constructor(visitor: JsonVisitor, toldDepth: number) {
    this.#visitor = visitor;
    this.#toldDepth = toldDepth;
  }

  /** Bytes so far. */
  get position(): number {
    return this.#offset;
  }

  write(chunk: Buffer): void {
    let textStart = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === backslash) this.#isEscaped = true;
        else if (byte === quote) this.#endString(chunk.subarray(textStart, at));
      } else if (byte === quote) {
        textStart = at + 1;
        this.#beginString();
      } else this.#structure(byte, this.#offset + at);
    }
    if (this.#isInString) this.#addText(chunk.subarray(textStart));
    this.#offset += chunk.length;
  }

  #structure(byte: number | undefined, position: number): void {
    switch (byte) {
      case openBrace:
      case openBracket:
        this.#visitor.onOpen(position, this.#depth, byte === openBrace);
        this.#depth += 1;
        this.#begin(byte === openBrace);
        break;
      case closeBrace:
      case closeBracket:
        this.#depth -= 1;
        this.#visitor.onClose(position, this.#depth);
        break;
      case comma:
        this.#visitor.onSeparator(position, this.#depth);
        if (this.#isTold()) this.#awaitsKey[this.#depth] = this.#isObject[this.#depth] === true;
        break;
      case colon:
        this.#visitor.onKey(position, this.#depth, this.#isTold() ? (this.#keys[this.#depth] ?? '') : '');
        if (this.#isTold()) this.#awaitsKey[this.#depth] = false;
        break;
      default:
    }
  }

  /** A container that has just been opened. */
  #begin(isObject: boolean): void {
    if (!this.#isTold()) return;
    this.#isObject[this.#depth] = isObject;
    this.#awaitsKey[this.#depth] = isObject;
  }

  #isTold(): boolean {
    return this.#depth > 0 && this.#depth <= this.#toldDepth;
  }

  #beginString(): void {
    this.#isInString = true;
    this.#text = this.#isTold() ? [] : undefined;
    this.#visitor.onString();
  }

  #addText(part: Buffer): void {
    this.#text?.push(part.subarray(0, maxTextBytes));
  }

  #endString(part: Buffer): void {
    this.#isInString = false;
    if (this.#text === undefined) return;
    this.#addText(part);
    const text = textOf(Buffer.concat(this.#text).subarray(0, maxTextBytes));
    this.#text = undefined;
    if (this.#awaitsKey[this.#depth] === true) this.#keys[this.#depth] = text;
    else if (this.#isObject[this.#depth] === true) this.#visitor.onText(this.#depth, text);
  }
}

/** As JSON has it between the quotes. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!bytes.includes(backslash)) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    // Cut off, or no JSON.
    return text;
  }
}
