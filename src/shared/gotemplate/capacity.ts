import { anyType, GoInt, GoSlice, type GoValue, isIntKind, type TypeName } from './values.ts';

/**
 * How much room Go's append leaves behind a slice's elements. It shows: `slice` may reach into it, and finds zero values
 * there.
 */

/** Sizes in bytes that Go's allocator has, up to where it gives whole pages. */
const sizeClasses = [
  8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480,
  512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864,
  5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760,
  24576, 27264, 28672, 32768,
];
const pageBytes = 8192;
const maxSmallBytes = 32768;

/** Size of the allocator's header before an object that is larger than `headerlessBytes` and holds pointers. */
const headerBytes = 8;
const headerlessBytes = 512;

/** An interface and a string both take two words, an int one. */
function sizeOf(elementType: TypeName): number {
  return elementType === 'int' ? 8 : 16;
}

/** Slices with more elements than this grow by a quarter instead of doubling. */
const doublingLimit = 256;

function roundedUp(bytes: number, hasPointers: boolean): number {
  if (bytes > maxSmallBytes - headerBytes) return Math.ceil(bytes / pageBytes) * pageBytes;
  const header = hasPointers && bytes > headerlessBytes ? headerBytes : 0;
  return (sizeClasses.find((size) => size >= bytes + header) ?? maxSmallBytes) - header;
}

/** The capacity after appending one element to a full slice of `length` elements. */
export function grownCapacity(length: number, elementType: TypeName = anyType): number {
  let capacity = length < doublingLimit ? Math.max(2 * length, 1) : length;
  while (capacity < length + 1) capacity += Math.floor((capacity + 3 * doublingLimit) / 4);
  const size = sizeOf(elementType);
  return Math.floor(roundedUp(capacity * size, elementType !== 'int') / size);
}

/** The capacity of a slice that was made by appending `length` elements one by one to an empty one with some room. */
export function appendedCapacity(length: number, elementType: TypeName, room = 0): number {
  let capacity = room;
  while (capacity < length) capacity = grownCapacity(capacity, elementType);
  return capacity;
}

/** The zero value of an element type. */
function zeroOf(elementType: TypeName): GoValue {
  if (elementType === 'string') return '';
  if (isIntKind(elementType)) return new GoInt(elementType, 0n);
  return elementType === `[]${anyType}` ? GoSlice.nil(anyType) : null;
}

/** A slice over `elements`, which are given away, with the capacity that appending them one by one leaves. */
export function appendedSlice(
  elementType: TypeName,
  elements: GoValue[],
  capacity = appendedCapacity(elements.length, elementType),
): GoSlice {
  const { length } = elements;
  const zero = zeroOf(elementType);
  while (elements.length < capacity) elements.push(zero);
  return new GoSlice(elementType, elements, 0, length);
}
