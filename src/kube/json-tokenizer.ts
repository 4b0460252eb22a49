/** Callbacks of a JsonTokenizer. Positions count bytes from the start of the document. */
export interface JsonVisitor {
  /** Called at `{` or `[`, with `depth` open brackets around it. */
  onOpen(position: number, depth: number, isObject: boolean): void;
  /** Called at a closing bracket, with `depth` brackets still open. */
  onClose(position: number, depth: number): void;
  /** Called at the start of a string. */
  onString(): void;
  /** Called at a comma between items or members at `depth`. */
  onSeparator(position: number, depth: number): void;
  /** Called at the colon after a key at `depth`. Deeper than the reported depth the key is empty. */
  onKey(position: number, depth: number, key: string): void;
  /** Called for a string that is the value of the last key at `depth`. */
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

/** Limit of a reported string, which is truncated beyond it. All relevant names are shorter. */
const maxTextBytes = 1024;

/**
 * Reports the structure of JSON that arrives in arbitrary chunks, without building values. It does not validate: a
 * parser must reject malformed documents.
 */
export class JsonTokenizer {
  readonly #visitor: JsonVisitor;
  /** Maximum depth at which keys and strings are reported. */
  readonly #reportedDepth: number;
  #offset = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Indexed by depth: whether the container is an object, whether its next string is a key, and its last key. */
  readonly #isObject: boolean[] = [];
  readonly #awaitsKey: boolean[] = [];
  readonly #keys: string[] = [];
  /** Parts of the current string, if it is reported. */
  #text: Buffer[] | undefined;

  constructor(visitor: JsonVisitor, reportedDepth: number) {
    this.#visitor = visitor;
    this.#reportedDepth = reportedDepth;
  }

  /** Number of bytes so far. */
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
        if (this.#isReported()) this.#awaitsKey[this.#depth] = this.#isObject[this.#depth] === true;
        break;
      case colon:
        this.#visitor.onKey(position, this.#depth, this.#isReported() ? (this.#keys[this.#depth] ?? '') : '');
        if (this.#isReported()) this.#awaitsKey[this.#depth] = false;
        break;
      default:
    }
  }

  /** Records a container that was just opened. */
  #begin(isObject: boolean): void {
    if (!this.#isReported()) return;
    this.#isObject[this.#depth] = isObject;
    this.#awaitsKey[this.#depth] = isObject;
  }

  #isReported(): boolean {
    return this.#depth > 0 && this.#depth <= this.#reportedDepth;
  }

  #beginString(): void {
    this.#isInString = true;
    this.#text = this.#isReported() ? [] : undefined;
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

/** Decodes the bytes between the quotes of a JSON string. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!bytes.includes(backslash)) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    // The string is truncated or malformed.
    return text;
  }
}
