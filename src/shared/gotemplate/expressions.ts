import { checkType, ExecFailure, literalArgument, literalValue, canBeNil, paramTypeName, zeroOf } from './arguments.ts';
import { andFunction, calleeProblem, callFunction, orFunction } from './builtins.ts';
import type { ByteString } from './byte-string.ts';
import {
  type CallContext,
  GoError,
  InterfaceBox,
  ListElement,
  methodOf,
  type ParamType,
  type Ref,
  type Signature,
} from './function.ts';
import { stepCosts } from './limits.ts';
import { element, isTrue, opened, staticTypeName, unboxed } from './reference.ts';
import {
  type AnyNode,
  type ChainNode,
  type CommandNode,
  describe,
  type FieldNode,
  type IdentifierNode,
  type Operand,
  type PipeNode,
  type VariableNode,
} from './tree.ts';
import { anyType, GoMap, GoObject } from './values.ts';
import type { Variables } from './variables.ts';

/** Stands for "no value was piped in"; distinguished from every real value by identity. */
const nothing = new InterfaceBox(null);

const noArguments: readonly Operand[] = [];

/** Returns the steps of one pass over all string arguments, which every function is charged. */
function stringSteps({ params }: Signature, values: readonly Ref[]): number {
  if (params[0] === 'reflect.Value') return 0; // the language's own functions, which count for themselves
  let steps = 0;
  for (const value of values) {
    if (typeof value === 'string') steps += value.length >> 6;
  }
  return steps;
}

/** A function or bound method about to be called. */
interface Callee {
  readonly signature: Signature;
  /** As the template names it. */
  readonly name: ByteString;
  /** Location of the error if the call fails. */
  readonly node: AnyNode;
  invoke(args: readonly Ref[]): Ref;
}

/** Evaluates pipelines. `dot` is the value of `.` throughout. */
export class Expressions {
  readonly #context: CallContext;
  readonly #variables: Variables;
  /** The node being evaluated, which is the place of an error. */
  node: AnyNode | undefined;

  constructor(context: CallContext, variables: Variables) {
    this.#context = context;
    this.#variables = variables;
  }

  /** The value of the last command, out of its interface; variables that the pipeline declares stay declared. */
  pipeline(dot: Ref, pipe: PipeNode): Exclude<Ref, InterfaceBox> {
    this.node = pipe;
    let piped: Ref = nothing;
    for (const command of pipe.commands) piped = unboxed(this.#command(dot, command, piped));
    const value = unboxed(piped);
    for (const name of pipe.declarations) {
      if (pipe.isAssign) this.assign(name, value);
      else this.#variables.declare(name, value);
    }
    return value;
  }

  /** @throws {ExecFailure} when there is no such variable: the parser cannot check every assignment. */
  assign(name: ByteString, value: Ref): void {
    this.#ensureDeclared(name);
    this.#variables.set(name, value);
  }

  #ensureDeclared(name: ByteString): void {
    // The search goes through the variables one by one.
    this.#context.charge(this.#variables.distance(name) >> 3);
    if (!this.#variables.has(name)) throw new ExecFailure(`undefined variable: ${name}`);
  }

  /** `piped` is the value of the command before, which becomes the last argument. */
  #command(dot: Ref, command: CommandNode, piped: Ref): Ref {
    const { first, args } = command;
    switch (first.kind) {
      case 'identifier':
        return this.#function(dot, first, command, args, piped);
      case 'field':
        return this.#field(dot, first, args, piped);
      case 'variable':
        return this.#variable(dot, first, args, piped);
      case 'chain':
        return this.#chain(dot, first, args, piped);
      case 'pipe':
        this.#ensureNoArguments(first, args, piped);
        return this.pipeline(dot, first);
      default:
        this.node = first;
        this.#ensureNoArguments(first, args, piped);
        if (first.kind === 'dot') return dot;
        if (first.kind === 'nil') throw new ExecFailure('nil is not a command');
        return literalValue(first);
    }
  }

  #ensureNoArguments(node: Operand, args: readonly Operand[], piped: Ref): void {
    if (args.length > 0 || piped !== nothing) {
      throw new ExecFailure(`can't give argument to non-function ${describe(node)}`);
    }
  }

  #field(dot: Ref, node: FieldNode, args: readonly Operand[], piped: Ref): Ref {
    this.node = node;
    return this.#fields(dot, dot, node, node.fields, args, piped);
  }

  #variable(dot: Ref, node: VariableNode, args: readonly Operand[], piped: Ref): Ref {
    this.node = node;
    this.#ensureDeclared(node.name);
    const value = this.#variables.get(node.name);
    if (node.fields.length > 0) return this.#fields(dot, value, node, node.fields, args, piped);
    this.#ensureNoArguments(node, args, piped);
    return value;
  }

  #chain(dot: Ref, node: ChainNode, args: readonly Operand[], piped: Ref): Ref {
    this.node = node;
    const value = this.#operand(dot, node.operand);
    return this.#fields(dot, value, node, node.fields, args, piped);
  }

  #operand(dot: Ref, node: IdentifierNode | PipeNode): Ref {
    this.node = node;
    return node.kind === 'pipe' ? this.pipeline(dot, node) : this.#function(dot, node, node, noArguments, nothing);
  }

  /** `.a.b.c` of a value; only the last may be a method with arguments. */
  #fields(
    dot: Ref,
    start: Ref,
    node: Operand,
    fields: readonly ByteString[],
    args: readonly Operand[],
    piped: Ref,
  ): Ref {
    let value = start;
    const last = fields.length - 1;
    for (const [index, name] of fields.entries()) {
      this.#context.charge(stepCosts.field);
      value =
        index < last
          ? this.#member(dot, value, name, node, noArguments, nothing)
          : this.#member(dot, value, name, node, args, piped);
    }
    return value;
  }

  /** A method, a map's entry or a struct's field. Missing entries, and entries of what is missing, are no error. */
  #member(dot: Ref, receiver: Ref, name: ByteString, node: Operand, args: readonly Operand[], piped: Ref): Ref {
    if (receiver === undefined) return undefined;
    const type = staticTypeName(receiver);
    const value =
      receiver instanceof InterfaceBox ? receiver.value : receiver instanceof ListElement ? receiver.current : receiver;
    if (value === null) throw new ExecFailure(`nil pointer evaluating ${type}.${name}`);
    if (value instanceof GoMap) {
      if (args.length > 0 || piped !== nothing) throw new ExecFailure(`${name} is not a method but has arguments`);
      const entry = value.entries.get(name);
      return entry === undefined ? undefined : element(value.elementType, entry);
    }
    const method = value instanceof GoObject ? this.#method(value, name, node) : undefined;
    if (method !== undefined) return this.#call(dot, method, args, piped);
    if (value instanceof GoObject && value.type.fields?.(value.data).some(([field]) => field === name) === true) {
      throw new ExecFailure(`${name} is an unexported field of struct type ${type}`);
    }
    throw new ExecFailure(`can't evaluate field ${name} in type ${type}`);
  }

  #method(object: GoObject, name: ByteString, node: Operand): Callee | undefined {
    const method = methodOf(object, name);
    if (method === undefined) return undefined;
    return { signature: method, name, node, invoke: (args) => method.call(this.#context, object.data, args) };
  }

  #function(dot: Ref, node: IdentifierNode, site: AnyNode, args: readonly Operand[], piped: Ref): Ref {
    this.node = node;
    const { target, name } = node;
    if (target === andFunction || target === orFunction) {
      this.#checkCount(target, name, args, piped);
      return this.#shortCircuit(dot, target === orFunction, args, piped);
    }
    if (target === callFunction) {
      const callee = args[0] === undefined ? undefined : describe(args[0]);
      const invoke = ([callable]: readonly Ref[]): never => calleeProblem(callee, callable);
      return this.#call(dot, { signature: target, name, node: site, invoke }, args, piped);
    }
    const invoke = (values: readonly Ref[]): Ref => target.call(this.#context, values);
    return this.#call(dot, { signature: target, name, node: site, invoke }, args, piped);
  }

  /** `and` and `or` evaluate as few operands as they need and give the one that decides. */
  #shortCircuit(dot: Ref, wanted: boolean, args: readonly Operand[], piped: Ref): Ref {
    let value: Ref;
    for (const arg of args) {
      value = this.#argument(dot, 'reflect.Value', arg);
      if (isTrue(value) === wanted) return value;
    }
    return piped === nothing ? value : piped;
  }

  #call(dot: Ref, callee: Callee, args: readonly Operand[], piped: Ref): Ref {
    const { signature, name, node } = callee;
    this.#checkCount(signature, name, args, piped);
    if (signature.uncallable !== undefined) throw new ExecFailure(signature.uncallable);
    try {
      const values = this.#arguments(dot, signature, args, piped);
      this.#context.charge(stepCosts.call + stringSteps(signature, values));
      const result = callee.invoke(values);
      return signature.result === anyType ? new InterfaceBox(opened(result) ?? null) : result;
    } catch (error) {
      if (!(error instanceof GoError)) throw error;
      this.node = node;
      throw new ExecFailure(`error calling ${name}: `, error.text);
    }
  }

  #checkCount({ params, variadic }: Signature, name: ByteString, args: readonly Operand[], piped: Ref): void {
    const wanted = params.length;
    const got = args.length + (piped === nothing ? 0 : 1);
    if (variadic !== undefined) {
      if (got >= wanted) return;
      throw new ExecFailure(
        `wrong number of args for ${name}: want at least ${wanted.toString()} got ${args.length.toString()}`,
      );
    }
    if (got !== wanted) {
      throw new ExecFailure(`wrong number of args for ${name}: want ${wanted.toString()} got ${got.toString()}`);
    }
  }

  #arguments(dot: Ref, { params, variadic }: Signature, args: readonly Operand[], piped: Ref): Ref[] {
    const typeAt = (index: number): ParamType => params[index] ?? variadic ?? anyType;
    const values = args.map((arg, index) => this.#argument(dot, typeAt(index), arg));
    if (piped !== nothing) values.push(checkType(piped, typeAt(values.length)));
    // Only now: an argument may have sorted the list that one before it was taken from.
    return values.map((value, index) =>
      value instanceof ListElement && typeAt(index) !== 'reflect.Value' ? value.current : value,
    );
  }

  #argument(dot: Ref, type: ParamType, node: Operand): Ref {
    this.#context.charge(stepCosts.operand);
    this.node = node;
    switch (node.kind) {
      case 'dot':
        return checkType(dot, type);
      case 'nil':
        if (!canBeNil(type)) throw new ExecFailure(`cannot assign nil to ${paramTypeName(type)}`);
        return zeroOf(type);
      case 'field':
        return checkType(this.#field(dot, node, noArguments, nothing), type);
      case 'variable':
        return checkType(this.#variable(dot, node, noArguments, nothing), type);
      case 'pipe':
      case 'identifier':
        return checkType(this.#operand(dot, node), type);
      case 'chain':
        return checkType(this.#chain(dot, node, noArguments, nothing), type);
      default:
        return literalArgument(node, type);
    }
  }
}
