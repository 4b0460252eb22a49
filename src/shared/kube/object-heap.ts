import type { JsonValue } from '../json.ts';
import { limits } from '../limits/defaults.ts';

/**
 * Sequences of keys of the last objects, forgotten when they are too many. V8 stores the layout of objects with the same
 * keys once; each other layout takes several times the memory of an object.
 */
const layouts = new Set<string>();

/** Returns the estimated size of a parsed value in V8's heap. */
export function heapBytesOf(value: JsonValue): number {
  switch (typeof value) {
    case 'string':
      return textBytes(value);
    case 'bigint':
      return 24;
    case 'number':
      return 16;
    case 'object':
      if (value === null) return 0;
      return Array.isArray(value) ? listBytes(value as readonly JsonValue[]) : objectBytes(Object.entries(value));
    default:
      return 0;
  }
}

function textBytes(text: string): number {
  // Empty strings and single characters exist once.
  if (text.length < 2) return 0;
  // A character beyond Latin-1 makes all characters of the string take two bytes.
  const isWide = /[^\0-\xff]/.test(text);
  return 24 + text.length * (isWide ? 2 : 1);
}

function listBytes(items: readonly JsonValue[]): number {
  return items.reduce((sum: number, item) => sum + 8 + heapBytesOf(item), items.length === 0 ? 32 : 48);
}

function objectBytes(members: readonly (readonly [string, JsonValue])[]): number {
  const layout = members.map(([key]) => key).join(' ');
  const isShared = layouts.has(layout);
  if (layouts.size >= limits.objects.layouts.count) layouts.clear();
  if (layout.length <= limits.objects.layouts.characters) layouts.add(layout);
  const memberBytes = members.reduce((sum, [, value]) => sum + heapBytesOf(value), 0);
  // Four members are stored in the object itself.
  if (isShared) return 56 + (members.length > 4 ? 8 * members.length : 0) + memberBytes;
  return members.reduce((sum, [key]) => sum + 96 + textBytes(key), 400) + memberBytes;
}
