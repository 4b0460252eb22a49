import type { ByteString } from './byte-string.ts';
import type { GoFunction } from './function.ts';
import { quote } from './quote.ts';

/** A parsed template. Positions are byte offsets in the text that was compiled. */

interface Node<K extends string> {
  readonly kind: K;
  readonly position: number;
}

interface TextNode extends Node<'text'> {
  readonly text: ByteString;
}

/** `{{ pipeline }}` */
export interface ActionNode extends Node<'action'> {
  readonly pipe: PipeNode;
}

export interface BranchNode extends Node<'if' | 'with' | 'range'> {
  readonly pipe: PipeNode;
  readonly list: readonly Statement[];
  readonly elseList: readonly Statement[] | undefined;
}

/** `{{ template "name" pipeline }}`; also what a `{{ block }}` leaves behind. */
export interface TemplateNode extends Node<'template'> {
  readonly name: ByteString;
  readonly pipe: PipeNode | undefined;
}

export type Statement = TextNode | ActionNode | BranchNode | TemplateNode | Node<'break'> | Node<'continue'>;

/** `$x, $y := command | command` */
export interface PipeNode extends Node<'pipe'> {
  readonly declarations: readonly ByteString[];
  /** `=` instead of `:=`. */
  readonly isAssign: boolean;
  readonly commands: readonly CommandNode[];
}

/** `operand operand …`, of which the first may be called with the others. */
export interface CommandNode extends Node<'command'> {
  readonly first: Operand;
  readonly args: readonly Operand[];
}

export interface IdentifierNode extends Node<'identifier'> {
  readonly name: ByteString;
  readonly target: GoFunction;
}

/** `$x.a.b`; the name has its `$`. */
export interface VariableNode extends Node<'variable'> {
  readonly name: ByteString;
  readonly fields: readonly ByteString[];
}

/** `.a.b` */
export interface FieldNode extends Node<'field'> {
  readonly fields: readonly ByteString[];
}

/** `(pipeline).a.b` */
export interface ChainNode extends Node<'chain'> {
  readonly operand: IdentifierNode | PipeNode;
  readonly fields: readonly ByteString[];
}

interface BoolNode extends Node<'bool'> {
  readonly value: boolean;
}

interface StringNode extends Node<'string'> {
  /** As written, with its quotes. */
  readonly literal: ByteString;
  readonly value: ByteString;
}

/** A number literal. The parameter that receives it decides which of its values counts. */
export interface NumberNode extends Node<'number'> {
  readonly literal: ByteString;
  readonly int: bigint | undefined;
  readonly uint: bigint | undefined;
  readonly float: number | undefined;
  readonly complex: { readonly real: number; readonly imaginary: number } | undefined;
}

export type Operand =
  | IdentifierNode
  | VariableNode
  | FieldNode
  | ChainNode
  | BoolNode
  | StringNode
  | NumberNode
  | Node<'dot'>
  | Node<'nil'>
  | PipeNode;

export type AnyNode = Statement | PipeNode | CommandNode | Operand;

/** The node as template text, as Go's messages show it. */
export function describe(node: AnyNode): ByteString {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'action':
      return `{{${describe(node.pipe)}}}`;
    case 'if':
    case 'with':
    case 'range':
      return `{{${node.kind} ${describe(node.pipe)}}}`;
    case 'template':
      return `{{template ${quote(node.name)}${node.pipe === undefined ? '' : ` ${describe(node.pipe)}`}}}`;
    case 'break':
    case 'continue':
      return `{{${node.kind}}}`;
    case 'pipe':
      return describePipe(node);
    case 'command':
      return [node.first, ...node.args].map(describeOperand).join(' ');
    default:
      return describeLeaf(node);
  }
}

function describePipe({ declarations, isAssign, commands }: PipeNode): ByteString {
  const assignment = declarations.length === 0 ? '' : `${declarations.join(', ')} ${isAssign ? '=' : ':='} `;
  return assignment + commands.map(describe).join(' | ');
}

function describeOperand(node: Operand): ByteString {
  return node.kind === 'pipe' ? `(${describePipe(node)})` : describe(node);
}

function describeLeaf(node: Exclude<Operand, PipeNode>): ByteString {
  switch (node.kind) {
    case 'identifier':
      return node.name;
    case 'variable':
      return [node.name, ...node.fields].join('.');
    case 'field':
      return `.${node.fields.join('.')}`;
    case 'chain':
      return [describeOperand(node.operand), ...node.fields].join('.');
    case 'bool':
      return String(node.value);
    case 'string':
    case 'number':
      return node.literal;
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
  }
}
