import { createCipheriv, createDecipheriv } from 'node:crypto';
import { fromBytes, toBytes, type ByteString } from '../byte-string.ts';
import { GoError, type CallContext } from '../function.ts';
import { CorruptInputError, decodeBase64 } from './encoding.ts';

/** sprig's AES-256-CBC: the password, padded with zeros or cut, is the key; the random vector comes first. */
const algorithm = 'aes-256-cbc';
const blockBytes = 16;

function keyOf(password: ByteString): Buffer {
  const key = Buffer.alloc(32);
  toBytes(password).copy(key);
  return key;
}

export function encryptAes(context: CallContext, password: ByteString, text: ByteString): ByteString {
  if (text === '') return '';
  context.charge(40);
  context.allocate(3 * text.length);
  const vector = Buffer.from(context.randomBytes(blockBytes));
  const cipher = createCipheriv(algorithm, keyOf(password), vector);
  return Buffer.concat([vector, cipher.update(toBytes(text)), cipher.final()]).toString('base64');
}

function runtimeError(text: string): GoError {
  return new GoError(`runtime error: ${text}`);
}

/** @throws {GoError} for text that is not base64 or was not encrypted so, with the panics that Go's slices give. */
export function decryptAes(context: CallContext, password: ByteString, encrypted: ByteString): ByteString {
  if (encrypted === '') return '';
  context.allocate(encrypted.length);
  const bytes = toBytes(decoded(context, encrypted));
  if (bytes.length < blockBytes) {
    const capacity = Math.floor(encrypted.length / 4) * 3;
    throw runtimeError(
      `slice bounds out of range [:${blockBytes.toString()}] with capacity ${capacity.toString()}`, // wording: Go's text
    );
  }
  if (bytes.length % blockBytes !== 0) throw new GoError('crypto/cipher: input not full blocks');
  const cipher = createDecipheriv(algorithm, keyOf(password), bytes.subarray(0, blockBytes)).setAutoPadding(false);
  const padded = Buffer.concat([cipher.update(bytes.subarray(blockBytes)), cipher.final()]);
  const padding = padded.at(-1);
  if (padding === undefined) throw runtimeError('index out of range [-1]');
  const length = padded.length - padding;
  if (length < 0) throw runtimeError(`slice bounds out of range [:${length.toString()}]`); // wording: Go's text
  return fromBytes(padded.subarray(0, length));
}

function decoded(context: CallContext, text: ByteString): ByteString {
  try {
    return decodeBase64(context, text);
  } catch (error) {
    throw error instanceof CorruptInputError ? new GoError(error.message) : error;
  }
}
