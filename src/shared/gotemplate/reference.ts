import { InterfaceBox, ListElement, type Ref } from './function.ts';
import {
  anyType,
  GoComplex,
  GoInt,
  GoMap,
  GoObject,
  GoSlice,
  type GoValue,
  kindName,
  type TypeName,
  typeName,
} from './values.ts';

/** Go's reflection on a value together with its static type. */

/** The value as it is now, out of its interface: the zero reflect.Value for a nil interface. */
export function opened(ref: Ref): GoValue | undefined {
  const value = unboxed(ref);
  return value instanceof ListElement ? value.current : value;
}

/** As `opened`, but an element of a list keeps its place in it: what variables and dot hold. */
export function unboxed(ref: Ref): Exclude<Ref, InterfaceBox> {
  return ref instanceof InterfaceBox ? (ref.value ?? undefined) : ref;
}

/** The value at a place in a list, whose index the caller has checked. */
export function listElement(list: GoSlice, index: number): Ref {
  return list.elementType === 'string' ? new ListElement(list, index) : element(list.elementType, list.at(index));
}

/** An entry of a map: in a box when the entries are interfaces. */
export function element(elementType: TypeName, value: GoValue): Ref {
  return elementType === anyType ? new InterfaceBox(value) : value;
}

/** reflect.Zero of an element type. */
export function zeroElement(elementType: TypeName): Ref {
  if (elementType === anyType) return new InterfaceBox(null);
  return elementType === 'string' ? '' : null;
}

/** ref.Type().String(), for a ref that is not the zero reflect.Value. */
export function staticTypeName(ref: Exclude<Ref, undefined>): TypeName {
  if (ref instanceof InterfaceBox) return anyType;
  return typeName(ref instanceof ListElement ? ref.current : ref);
}

/** The name of the type at the end of pointers. */
export function pointedTypeName(value: GoValue): TypeName {
  const name = typeName(value);
  return kindName(value) === 'ptr' ? name.slice(1) : name;
}

/** Go's truth: whether the value is not the zero of its type. */
export function isTrue(ref: Ref): boolean {
  const value = opened(ref);
  switch (typeof value) {
    case 'undefined':
      return false;
    case 'boolean':
      return value;
    case 'string':
      return value !== '';
    case 'number':
      return value !== 0;
    default:
      return isObjectTrue(value);
  }
}

function isObjectTrue(value: Exclude<GoValue, boolean | string | number>): boolean {
  if (value instanceof GoInt) return value.value !== 0n;
  if (value instanceof GoSlice) return value.length > 0;
  if (value instanceof GoMap) return value.entries.size > 0;
  if (value instanceof GoComplex) return value.real !== 0 || value.imaginary !== 0;
  if (value instanceof GoObject) return value.type.integer?.(value.data) !== 0n;
  return false;
}
