import type { ByteString } from '../byte-string.ts';
import { ensureDepth } from '../limits.ts';
import {
  anyType,
  GoComplex,
  GoInt,
  GoMap,
  GoObject,
  GoSlice,
  type GoValue,
  isUnsigned,
  NilPointer,
  typeName,
} from '../values.ts';
import { Formatter } from './formatter.ts';

/** Addresses differ from run to run in Go too; this stands for all of them but that of a nil slice or map. */
const someAddress = 0xc000012345n;

/** Prints values of every type under a verb: what Go's fmt does above the level of digits. */
export class Printer extends Formatter {
  /** While the value of a wrong verb is shown, methods are not asked, as in Go. */
  #showingWrongVerb = false;

  /** One operand of print or printf. `verb` is a single character. */
  printOperand(value: GoValue, verb: ByteString): void {
    if (value === null) this.#printNil(verb);
    else if (verb === 'T') this.formatString(typeName(value));
    else if (verb === 'p') this.#printPointer(value, verb);
    else if (isBytes(value)) this.#printSlice(value, verb, 0, verb === 'v' ? '[]byte' : value.typeName);
    else if (!this.#printByMethod(value, verb)) this.#printValue(value, verb, 0);
  }

  #printNil(verb: ByteString): void {
    if (verb === 'v' || verb === 'T') this.pad('<nil>');
    else this.write(`%!${verb}(<nil>)`);
  }

  /** `%!d(string=x)` */
  #printWrongVerb(value: GoValue, verb: ByteString): void {
    this.#showingWrongVerb = true;
    this.write(`%!${verb}(${typeName(value)}=`);
    this.#printValue(value, 'v', 0);
    this.write(')');
    this.#showingWrongVerb = false;
  }

  /** Lets a type with String, Error or GoString speak for itself, where the verb takes text. */
  #printByMethod(value: GoValue, verb: ByteString): boolean {
    if (this.#showingWrongVerb) return false;
    if (verb === 'w') {
      this.#printWrongVerb(value, verb);
      return true;
    }
    if (!(value instanceof GoObject)) return false;
    const { type, data } = value;
    if (this.sharpV) {
      if (type.goString === undefined) return false;
      this.formatString(type.goString(data));
      return true;
    }
    if (type.text === undefined || !'vsxXq'.includes(verb)) return false;
    this.#printString(type.text(data), verb);
    return true;
  }

  #printValue(value: GoValue, verb: ByteString, depth: number): void {
    this.context.charge(3);
    ensureDepth(depth);
    if (typeof value === 'string') this.#printString(value, verb);
    else if (typeof value === 'number') this.#printFloat(value, value, verb);
    else if (typeof value === 'boolean') this.#printBoolean(value, verb);
    else if (value instanceof GoInt) this.#printInteger(value, value.value, isUnsigned(value.kind), verb);
    else if (value instanceof GoSlice) this.#printSlice(value, verb, depth);
    else if (value instanceof GoMap) this.#printMap(value, verb, depth);
    else if (value instanceof GoComplex) this.#printComplex(value, verb);
    else if (value === null) this.#printNil(verb);
    else this.#printObject(value, verb, depth);
  }

  /** A value inside another one. An empty interface prints alike under every verb. */
  #printElement(value: GoValue, verb: ByteString, depth: number): void {
    if (value === null) this.write(this.sharpV ? `${anyType}(nil)` : '<nil>');
    else if (!this.#printByMethod(value, verb)) this.#printValue(value, verb, depth);
  }

  #printBoolean(value: boolean, verb: ByteString): void {
    if (verb === 't' || verb === 'v') this.formatBoolean(value);
    else this.#printWrongVerb(value, verb);
  }

  #printString(value: ByteString, verb: ByteString): void {
    switch (verb) {
      case 'v':
        if (this.sharpV) this.formatQuoted(value);
        else this.formatString(value);
        break;
      case 's':
        this.formatString(value);
        break;
      case 'q':
        this.formatQuoted(value);
        break;
      case 'x':
      case 'X':
        this.formatHexString(value, verb === 'X');
        break;
      default:
        this.#printWrongVerb(value, verb);
    }
  }

  /** `owner` is the value whose number this is, for the message of a wrong verb. */
  #printInteger(owner: GoValue, value: bigint, unsigned: boolean, verb: ByteString): void {
    switch (verb) {
      case 'v':
        if (this.sharpV && unsigned) this.#printHex(value, true);
        else this.formatInteger(value, 10, verb);
        break;
      case 'd':
        this.formatInteger(value, 10, verb);
        break;
      case 'b':
        this.formatInteger(value, 2, verb);
        break;
      case 'o':
      case 'O':
        this.formatInteger(value, 8, verb);
        break;
      case 'x':
      case 'X':
        this.formatInteger(value, 16, verb);
        break;
      case 'c':
        this.formatCharacter(value);
        break;
      case 'q':
        this.formatQuotedCharacter(value);
        break;
      case 'U':
        this.formatUnicode(value);
        break;
      default:
        this.#printWrongVerb(owner, verb);
    }
  }

  #printHex(value: bigint, prefixed: boolean): void {
    const { sharp } = this;
    this.sharp = prefixed;
    this.formatInteger(value, 16, 'x');
    this.sharp = sharp;
  }

  /** `owner` is what a wrong verb shows: the number itself or the complex number that it is a part of. */
  #printFloat(owner: GoValue, value: number, verb: ByteString): void {
    switch (verb) {
      case 'v':
        this.formatFloat(value, 'g', -1);
        break;
      case 'b':
      case 'g':
      case 'G':
      case 'x':
      case 'X':
        this.formatFloat(value, verb, -1);
        break;
      case 'e':
      case 'E':
      case 'f':
        this.formatFloat(value, verb, 6);
        break;
      case 'F':
        this.formatFloat(value, 'f', 6);
        break;
      default:
        this.#printWrongVerb(owner, verb);
    }
  }

  #printComplex(value: GoComplex, verb: ByteString): void {
    if (!'vbgGxXfFeE'.includes(verb)) {
      this.#printWrongVerb(value, verb);
      return;
    }
    const { plus } = this;
    this.write('(');
    this.#printFloat(value, value.real, verb);
    this.plus = true; // the imaginary part always has a sign
    this.#printFloat(value, value.imaginary, verb);
    this.write('i)');
    this.plus = plus;
  }

  /** `shownType` is what `%#v` calls it: bytes by themselves have a name of their own. */
  #printSlice(value: GoSlice, verb: ByteString, depth: number, shownType = value.typeName): void {
    if (isBytes(value) && 'sqxX'.includes(verb)) {
      this.#printString(bytesOf(value), verb);
      return;
    }
    if (this.sharpV && value.isNil) {
      this.write(`${shownType}(nil)`);
      return;
    }
    this.write(this.sharpV ? `${shownType}{` : '[');
    for (let index = 0; index < value.length; index++) {
      if (index > 0) this.#writeSeparator();
      this.#printElement(value.at(index), verb, depth + 1);
    }
    this.write(this.sharpV ? '}' : ']');
  }

  #writeSeparator(): void {
    this.write(this.sharpV ? ', ' : ' ');
  }

  #printMap(value: GoMap, verb: ByteString, depth: number): void {
    if (this.sharpV && value.isNil) {
      this.write(`${value.typeName}(nil)`);
      return;
    }
    this.context.charge(value.entries.size * 8);
    this.write(this.sharpV ? `${value.typeName}{` : 'map[');
    for (const [index, key] of value.sortedKeys().entries()) {
      if (index > 0) this.#writeSeparator();
      this.#printElement(key, verb, depth + 1);
      this.write(':');
      this.#printElement(value.entries.get(key) ?? null, verb, depth + 1);
    }
    this.write(this.sharpV ? '}' : ']');
  }

  #printObject(value: GoObject, verb: ByteString, depth: number): void {
    const { type, data } = value;
    const integer = type.integer?.(data);
    if (integer !== undefined) {
      this.#printInteger(value, integer, false, verb);
    } else if (type.kind === 'ptr' && depth > 0) {
      this.#printPointer(value, verb);
    } else {
      this.#printStruct(value, verb, depth);
    }
  }

  #printStruct({ type, data }: GoObject, verb: ByteString, depth: number): void {
    const isPointer = type.kind === 'ptr';
    if (isPointer) this.write('&');
    if (this.sharpV) this.write(isPointer ? type.name.slice(1) : type.name);
    this.write('{');
    for (const [index, [name, field]] of (type.fields?.(data) ?? []).entries()) {
      if (index > 0) this.#writeSeparator();
      if (this.plusV || this.sharpV) this.write(`${name}:`);
      // Fields of other packages' structs are not exported, so their methods are out of reach.
      if (field instanceof NilPointer) this.#printNilPointer(field, verb);
      else if (field === null) this.#printElement(null, verb, depth + 1);
      else this.#printValue(field, verb, depth + 1);
    }
    this.write('}');
  }

  #printNilPointer(pointer: NilPointer, verb: ByteString): void {
    if ('bodxX'.includes(verb)) this.#printInteger(null, 0n, true, verb);
    else if (verb !== 'v') this.write(`%!${verb}(${pointer.typeName}=`);
    if (!'bodxX'.includes(verb)) this.pad('<nil>');
    if (!'vbodxX'.includes(verb)) this.write(')');
  }

  #printPointer(value: GoValue, verb: ByteString): void {
    const hasNil = value instanceof GoSlice || value instanceof GoMap;
    const isPointer = hasNil || kindOfPointer(value);
    const address = hasNil && value.isNil ? 0n : someAddress;
    if (!isPointer || !'vpbodxX'.includes(verb)) this.#printWrongVerb(value, verb);
    else if (verb === 'v' && this.sharpV) this.write(`(${typeName(value)})(0x${address.toString(16)})`);
    else if (verb === 'v' || verb === 'p') this.#printHex(address, !this.sharp);
    else this.#printInteger(value, address, true, verb);
  }
}

function kindOfPointer(value: GoValue): boolean {
  return value instanceof GoObject && value.type.kind === 'ptr';
}

function isBytes(value: GoValue): value is GoSlice {
  return value instanceof GoSlice && value.elementType === 'uint8';
}

function bytesOf(value: GoSlice): ByteString {
  return value
    .toArray()
    .map((byte) => (byte instanceof GoInt ? String.fromCharCode(Number(byte.value)) : ''))
    .join('');
}
