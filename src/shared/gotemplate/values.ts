import type { ByteString } from './byte-string.ts';

/**
 * The values of a template: Go's values, with the types that Go's reflection would see. Data is data: a GoValue is
 * never looked up as a JavaScript object, so `constructor` and `__proto__` are keys like any other.
 *
 * | Go | here |
 * | --- | --- |
 * | nil interface | `null` |
 * | bool | `boolean` |
 * | string | `string`, one unit per byte (byte-string.ts) |
 * | float64 | `number` |
 * | int, int64, uint8, … | `GoInt` |
 * | complex128 | `GoComplex` |
 * | []T, nil or not | `GoSlice` |
 * | map[string]T, nil or not | `GoMap` |
 * | any other named type: time.Time, *semver.Version, … | `GoObject` |
 */
export type GoValue = null | boolean | ByteString | number | GoInt | GoComplex | GoSlice | GoMap | GoObject;

/** A Go type as reflection prints it: `int64`, `[]interface {}`, `map[string]string`, `*semver.Version`. */
export type TypeName = string;

export const anyType = 'interface {}';

const intBits = {
  int: 64,
  int8: 8,
  int16: 16,
  int32: 32,
  int64: 64,
  uint: 64,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
} as const;

type IntKind = keyof typeof intBits;

export function isIntKind(name: TypeName): name is IntKind {
  return Object.hasOwn(intBits, name);
}

export function isUnsigned(kind: IntKind): boolean {
  return kind.startsWith('u');
}

/** `value` wrapped around to the width of `kind`, as Go's conversions and arithmetic do. */
export function wrapInt(kind: IntKind, value: bigint): bigint {
  return isUnsigned(kind) ? BigInt.asUintN(intBits[kind], value) : BigInt.asIntN(intBits[kind], value);
}

/** An integer with its Go type. Immutable; the constructor wraps the value around to the type's width. */
export class GoInt {
  readonly kind: IntKind;
  readonly value: bigint;

  constructor(kind: IntKind, value: bigint) {
    this.kind = kind;
    this.value = wrapInt(kind, value);
  }
}

/** A Go `int`, which is what literals, lengths and indexes are. */
export function int(value: bigint | number): GoInt {
  return new GoInt('int', BigInt(value));
}

/** A Go `int64`, which is what whole numbers of the data and sprig's arithmetic are. */
export function int64(value: bigint | number): GoInt {
  return new GoInt('int64', BigInt(value));
}

export class GoComplex {
  readonly real: number;
  readonly imaginary: number;

  constructor(real: number, imaginary: number) {
    this.real = real;
    this.imaginary = imaginary;
  }
}

/**
 * A Go slice: a window on an array that other slices may share, so that sorting one in place shows in the others, as in
 * Go. `elementType` decides how it prints and what `kindOf`, equality and argument checks say.
 */
export class GoSlice {
  readonly elementType: TypeName;
  readonly isNil: boolean;
  readonly length: number;
  readonly #array: GoValue[];
  readonly #start: number;

  /** A slice over `array` itself, not a copy: the caller gives the array away. */
  constructor(elementType: TypeName, array: GoValue[], start = 0, length = array.length - start, isNil = false) {
    this.elementType = elementType;
    this.isNil = isNil;
    this.length = length;
    this.#array = array;
    this.#start = start;
  }

  static nil(elementType: TypeName): GoSlice {
    return new GoSlice(elementType, [], 0, 0, true);
  }

  get typeName(): TypeName {
    return `[]${this.elementType}`;
  }

  /** Go's cap: how far the slice can be extended over its array. */
  get capacity(): number {
    return this.#array.length - this.#start;
  }

  /** The element; the caller has checked 0 <= index < length. */
  at(index: number): GoValue {
    return this.#array[this.#start + index] ?? null;
  }

  setAt(index: number, value: GoValue): void {
    this.#array[this.#start + index] = value;
  }

  /** s[from:to] on the same array; the caller has checked 0 <= from <= to <= capacity. */
  slice(from: number, to: number): GoSlice {
    return new GoSlice(this.elementType, this.#array, this.#start + from, to - from, this.isNil);
  }

  /** The elements in a new array. */
  toArray(): GoValue[] {
    return this.#array.slice(this.#start, this.#start + this.length);
  }
}

/** []interface{} over `array` itself, not a copy. */
export function anySlice(array: GoValue[]): GoSlice {
  return new GoSlice(anyType, array);
}

/** []string over `array` itself, not a copy. */
export function stringSlice(array: ByteString[]): GoSlice {
  return new GoSlice('string', array);
}

/** A Go map with string keys (no other key type can occur). A nil map reads as empty; writing to it is a Go panic. */
export class GoMap {
  readonly elementType: TypeName;
  readonly isNil: boolean;
  #entries: Map<ByteString, GoValue> | undefined;
  readonly #made: (() => Map<ByteString, GoValue>) | undefined;

  /** A map over `entries` itself, not a copy; or over what a function makes when the map is first looked into. */
  constructor(
    elementType: TypeName,
    entries: Map<ByteString, GoValue> | (() => Map<ByteString, GoValue>),
    isNil = false,
  ) {
    this.elementType = elementType;
    if (typeof entries === 'function') this.#made = entries;
    else this.#entries = entries;
    this.isNil = isNil;
  }

  /** Read freely; of a nil map nothing may be written (`assignment to entry in nil map`). */
  get entries(): Map<ByteString, GoValue> {
    return (this.#entries ??= this.#made?.() ?? new Map());
  }

  static nil(elementType: TypeName): GoMap {
    return new GoMap(elementType, new Map(), true);
  }

  get typeName(): TypeName {
    return `map[string]${this.elementType}`;
  }

  /** The keys in Go's order, by bytes: how maps are ranged over, printed and written as JSON. */
  sortedKeys(): ByteString[] {
    return [...this.entries.keys()].sort(compareBytes);
  }
}

/** map[string]interface{} over `entries` itself, not a copy. */
export function anyMap(entries = new Map<ByteString, GoValue>()): GoMap {
  return new GoMap(anyType, entries);
}

/** Go's order of strings, for sort(). */
function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * A named Go type with methods. The type-erased form of its values is GoObject; `data` is whatever the type's own module
 * keeps, and nothing outside that module looks into it.
 */
export interface ObjectType<T = unknown> {
  /** As reflection prints it: `time.Time`, `*semver.Version`, `time.Month`. */
  readonly name: TypeName;
  /** reflect.Kind: decides truth, comparison, `kindOf`, and what a numeric verb prints. */
  readonly kind: 'struct' | 'ptr' | 'int' | 'int64';
  /** The exported methods that Go finds on such a value, by name. MethodType (function.ts) types them. */
  readonly methods: ReadonlyMap<string, unknown>;
  /** Returns the result of the type's String or Error method; absent when it has neither. */
  text?(data: T): ByteString;
  /** Returns the result of its GoString method (`%#v`); absent when it has none. */
  goString?(data: T): ByteString;
  /** The number under a type of an integer kind, such as time.Month. */
  integer?(data: T): bigint;
  /** A value of an integer kind from a literal: `$t.Add 5`. */
  fromInteger?(value: bigint): T;
  /** The panic of a method that is given a nil pointer of this type, where it is not Go's own. */
  nilComplaint?: ByteString;
  /** The struct's (for a pointer: the pointed-to struct's) fields, unexported too, for `%d`, `%+v` and the like. */
  fields?(data: T): readonly (readonly [name: string, value: GoValue | NilPointer])[];
  /** Go's ==; absent for pointers, which compare by identity. */
  equals?(a: T, b: T): boolean;
}

/** A nil pointer in a struct; anywhere else a template's nil is that of an interface. */
export class NilPointer {
  readonly typeName: TypeName;

  constructor(name: TypeName) {
    this.typeName = name;
  }
}

export class GoObject<T = unknown> {
  readonly type: ObjectType<T>;
  readonly data: T;

  constructor(type: ObjectType<T>, data: T) {
    this.type = type;
    this.data = data;
  }
}

/** Whether `value` is of this type, which narrows the type of its data. */
export function isObject<T>(value: GoValue, type: ObjectType<T>): value is GoObject<T> {
  return value instanceof GoObject && value.type === type;
}

/** reflect.TypeOf(value).String(); `<nil>` for nil, as %T prints it. */
export function typeName(value: GoValue): TypeName {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    case 'number':
      return 'float64';
    default:
      if (value === null) return '<nil>';
      if (value instanceof GoInt) return value.kind;
      if (value instanceof GoComplex) return 'complex128';
      return value instanceof GoObject ? value.type.name : value.typeName;
  }
}

/** reflect.ValueOf(value).Kind().String(); `invalid` for nil. */
export function kindName(value: GoValue): string {
  if (value === null) return 'invalid';
  if (value instanceof GoSlice) return 'slice';
  if (value instanceof GoMap) return 'map';
  return value instanceof GoObject ? value.type.kind : typeName(value);
}
