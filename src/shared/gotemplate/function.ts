import type { ByteString } from './byte-string.ts';
import type { CurveKeyKind } from './private-keys.ts';
import type { SlowTask } from './slow-work.ts';
import { GoInt, type GoMap, type GoObject, type GoSlice, type GoValue, type ObjectType } from './values.ts';

/**
 * How template functions are described. The evaluator checks and converts arguments by the parameter types as Go does by
 * reflection, with Go's messages, so an implementation only ever sees arguments of its declared types.
 */

/**
 * The render in which a function runs. An implementation charges work or memory of more than a constant multiple of its
 * arguments *before* it uses it: it cannot trust anything in a template to be small.
 */
export interface CallContext {
  /**
   * Counts work: about one step for each element visited or each 16 bytes looked at.
   * @throws {LimitReached} past the render's limit.
   */
  charge(steps: number): void;
  /**
   * Counts memory that the result will take: its bytes, or 64 for each element of a list or map. Counts also as work.
   * @throws {LimitReached} when the sum over the render is past the limit.
   */
  allocate(bytes: number): void;
  /** Milliseconds since 1970, from the render's clock. */
  now(): number;
  /** Cryptographically strong random bytes. */
  randomBytes(count: number): Uint8Array;
  /** A new private key as PEM. */
  privateKey(kind: CurveKeyKind): string;
  /**
   * The result of a task that takes long. Nothing may catch what this throws.
   * @throws {MainThreadBudgetExceeded} when there is no time for it where the render runs.
   * @throws {LimitReached} past the number of such tasks.
   */
  slowResult(task: SlowTask): string;
}

/** Steps of a failure that a function handles: creating the error takes much longer than most of its work. */
export const stepsPerFailure = 30;

/** A failure as Go sees it: an `error` that a function returned, or a panic, which text/template reports in the same way. */
export class GoError extends Error {
  override readonly name = 'GoError';
  /** The message as a byte string; it may hold text of the data. */
  readonly text: ByteString;

  constructor(text: ByteString) {
    super(text);
    this.text = text;
  }
}

/** The panic on a nil pointer, nil interface or the zero reflect.Value in a function that does not guard against it. */
export function nilPointerError(): GoError {
  return new GoError('runtime error: invalid memory address or nil pointer dereference');
}

/**
 * The static type of a value in Go's evaluator. Go keeps apart what came out of an `interface {}` (an element of a map or
 * list, a function's result) from a value of known type: messages and nil differ. So an interface is a box until a
 * pipeline, or a check against a type, opens it. `undefined` is the zero reflect.Value: a missing key, an untyped nil.
 */
export type Ref = GoValue | InterfaceBox | ListElement | undefined;

export class InterfaceBox {
  readonly value: GoValue;

  constructor(value: GoValue) {
    this.value = value;
  }
}

/**
 * An element of a list of strings, which Go's evaluator knows by its place: where the list is sorted in place, what a
 * variable or dot took from it is another string from then on. A function that is called gets the string.
 */
export class ListElement {
  readonly #list: GoSlice;
  readonly #index: number;

  /** The caller has checked 0 <= index < list.length. */
  constructor(list: GoSlice, index: number) {
    this.#list = list;
    this.#index = index;
  }

  /** The string that is there now. */
  get current(): GoValue {
    return this.#list.at(this.#index);
  }
}

interface ParamTypes {
  string: ByteString;
  bool: boolean;
  int: bigint;
  int64: bigint;
  uint32: bigint;
  float64: number;
  'interface {}': GoValue;
  '[]string': GoSlice;
  '[]interface {}': GoSlice;
  'map[string]interface {}': GoMap;
  'reflect.Value': Ref;
}

/** A parameter's Go type: a name, or the descriptor of a type with methods. nil never reaches a parameter of the latter. */
export type ParamType = keyof ParamTypes | ObjectType;

/** Type that the implementation receives for a parameter type: bigint for whole numbers, else that of the value. */
type Argument<P> = P extends keyof ParamTypes ? ParamTypes[P] : P extends ObjectType<infer T> ? GoObject<T> : never;

type Arguments<P extends readonly ParamType[]> = { -readonly [K in keyof P]: Argument<P[K]> };

/** Go's result type. Only the difference between `interface {}` and a type of known name shows in a template. */
type ResultType = 'interface {}' | 'concrete';

export interface Signature {
  readonly name: string;
  readonly params: readonly ParamType[];
  /** The type of each further argument; absent: there are none. */
  readonly variadic?: ParamType | undefined;
  /** Default `concrete`. */
  readonly result?: ResultType | undefined;
  /** Go's complaint about a method that templates cannot call: `function Date has 3 return values; should be 1 or 2`. */
  readonly uncallable?: string | undefined;
}

/** A function of the template language, ready to be called with checked arguments (fixed ones first, then variadic). */
export interface GoFunction extends Signature {
  call(context: CallContext, args: readonly Ref[]): Ref;
}

/** A method of a named type; the same with a receiver. */
export interface GoMethod<T = unknown> extends Signature {
  call(context: CallContext, receiver: T, args: readonly Ref[]): Ref;
}

/** A type with methods, as it is to be declared. */
export interface MethodType<T> extends ObjectType<T> {
  readonly methods: ReadonlyMap<string, GoMethod<T>>;
}

/** The method that Go finds on the object under this name. All types of objects are declared as MethodType. */
export function methodOf({ type }: GoObject, name: string): GoMethod | undefined {
  return type.methods.get(name) as GoMethod | undefined;
}

type Rest<V> = V extends ParamType ? Argument<V>[] : [];

interface Declaration<P extends readonly ParamType[], V extends ParamType | undefined> extends Signature {
  readonly params: P;
  readonly variadic?: V;
}

/**
 * Describes a function:
 * `goFunction({ name: 'repeat', params: ['int', 'string'] }, (context, count, text) => …)`.
 * The implementation throws GoError for what is an error or a panic in Go.
 */
export function goFunction<const P extends readonly ParamType[], const V extends ParamType | undefined = undefined>(
  declaration: Declaration<P, V>,
  implementation: (context: CallContext, ...args: [...Arguments<P>, ...Rest<V>]) => Ref,
): GoFunction {
  return { ...declaration, call: (context, args) => implementation(context, ...unwrapped<P, V>(declaration, args)) };
}

/** Describes a method of values whose data is `T`; as goFunction, with the receiver's data after the context. */
export function goMethod<
  T,
  const P extends readonly ParamType[] = [],
  const V extends ParamType | undefined = undefined,
>(
  declaration: Declaration<P, V>,
  implementation: (context: CallContext, receiver: T, ...args: [...Arguments<P>, ...Rest<V>]) => Ref,
): GoMethod<T> {
  return {
    ...declaration,
    call: (context, receiver, args) => implementation(context, receiver, ...unwrapped<P, V>(declaration, args)),
  };
}

/**
 * The evaluator has checked `args` against the declaration, which the compiler cannot see; what is left is to give
 * parameters of an integer type the bare number.
 */
function unwrapped<P extends readonly ParamType[], V extends ParamType | undefined>(
  declaration: Declaration<P, V>,
  args: readonly Ref[],
): [...Arguments<P>, ...Rest<V>] {
  const bare = args.map((argument, index) => {
    const type = declaration.params[index] ?? declaration.variadic;
    return argument instanceof GoInt && type !== 'interface {}' && type !== 'reflect.Value' ? argument.value : argument;
  });
  return bare as [...Arguments<P>, ...Rest<V>];
}
