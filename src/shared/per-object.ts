import { orCodedError } from './errors.ts';
import type { CodedError } from './errors.ts';

/** Returns a function that computes its result once for each object. The result is dropped with the object. */
export function perObject<Key extends object, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const results = new WeakMap<Key, { readonly value: Value }>();
  return (key) => {
    let result = results.get(key);
    if (result === undefined) {
      result = { value: compute(key) };
      results.set(key, result);
    }
    return result.value;
  };
}

/** Returns a function that parses each object once: to the same value, or the same error if it is malformed. */
export function parsedOnce<Key extends object, Value>(parse: (key: Key) => Value): (key: Key) => Value | CodedError {
  return perObject((key) => orCodedError(() => parse(key)));
}
