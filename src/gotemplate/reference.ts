import { InterfaceBox, type Ref } from './function.js';
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
} from './values.js';

/** What Go's reflection says about a value together with its static type. */

/** The value in an interface, which forgets that it was in one: the zero reflect.Value for a nil interface. */
export function opened(ref: Ref): GoValue | undefined {
  if (!(ref instanceof InterfaceBox)) return ref;
  return ref.value ?? undefined;
}

/** An element of a list or map: in a box when the elements are interfaces. */
export function element(elementType: TypeName, value: GoValue): Ref {
  return elementType === anyType ? new InterfaceBox(value) : value;
}

/** reflect.Zero of an element type. */
export function zeroElement(elementType: TypeName): Ref {
  if (elementType === anyType) return new InterfaceBox(null);
  return elementType === 'string' ? '' : null;
}

/** ref.Type().String(), for a ref that is not the zero reflect.Value. */
export function staticTypeName(ref: GoValue | InterfaceBox): TypeName {
  return ref instanceof InterfaceBox ? anyType : typeName(ref);
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
