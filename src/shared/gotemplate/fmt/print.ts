import type { ByteString } from '../byte-string.ts';
import type { CallContext } from '../function.ts';
import { GoInt, type GoValue } from '../values.ts';
import { Printer } from './printer.ts';

/** fmt.Sprint: a space between two operands only where neither is a string. */
export function sprint(context: CallContext, operands: readonly GoValue[]): ByteString {
  const printer = new Printer(context);
  let afterString = true;
  for (const operand of operands) {
    const isString = typeof operand === 'string';
    if (!isString && !afterString) printer.write(' ');
    printer.printOperand(operand, 'v');
    afterString = isString;
  }
  return printer.finish();
}

/** fmt.Sprintln: a space between all operands, and a newline. */
export function sprintln(context: CallContext, operands: readonly GoValue[]): ByteString {
  const printer = new Printer(context);
  for (const [index, operand] of operands.entries()) {
    if (index > 0) printer.write(' ');
    printer.printOperand(operand, 'v');
  }
  printer.write('\n');
  return printer.finish();
}

/** Prints one value under `%v`, as most of sprig's functions turn values into text. */
export function formatValue(context: CallContext, value: GoValue): ByteString {
  if (typeof value === 'string') return value;
  if (value instanceof GoInt) return value.value.toString();
  const printer = new Printer(context);
  printer.printOperand(value, 'v');
  return printer.finish();
}
