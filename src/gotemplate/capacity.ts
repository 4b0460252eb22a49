import { GoSlice, type GoValue, type TypeName } from './values.js';

/**
 * How much room Go's append leaves behind a slice's elements. It shows: `slice` may reach into it, and finds zero values
 * there.
 */

/** Sizes in bytes that Go's allocator has, up to where it gives whole pages. */
const sizeClasses = [
  8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480,
  512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864,
  5120, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480,
  21760, 24576, 27264, 28672, 32768,
];
const pageBytes = 8192;

/** An interface and a string both take two words. */
const elementBytes = 16;

/** Slices with more elements than this grow by a quarter instead of doubling. */
const doublingLimit = 256;

function roundedUp(bytes: number): number {
  return sizeClasses.find((size) => size >= bytes) ?? Math.ceil(bytes / pageBytes) * pageBytes;
}

/** The capacity after appending one element to a full slice of `length` elements. */
export function grownCapacity(length: number): number {
  let capacity = length < doublingLimit ? Math.max(2 * length, 1) : length;
  while (capacity < length + 1) capacity += Math.floor((capacity + 3 * doublingLimit) / 4);
  return roundedUp(capacity * elementBytes) / elementBytes;
}

/** The capacity of a slice that was made by appending `length` elements one by one to an empty one. */
function appendedCapacity(length: number): number {
  let capacity = 0;
  while (capacity < length) capacity = grownCapacity(capacity);
  return capacity;
}

/** A slice over `elements`, which are given away, with the capacity that appending them one by one leaves. */
export function appendedSlice(
  elementType: TypeName,
  elements: GoValue[],
  zero: GoValue,
  capacity = appendedCapacity(elements.length),
): GoSlice {
  const { length } = elements;
  while (elements.length < capacity) elements.push(zero);
  return new GoSlice(elementType, elements, 0, length);
}
