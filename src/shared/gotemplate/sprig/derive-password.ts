import { createHmac } from 'node:crypto';
import { fromBytes, toBytes, type ByteString } from '../byte-string.ts';
import type { CallContext } from '../function.ts';

/** The Master Password algorithm, version 3, that sprig's derivePassword implements. */
const scope = 'com.lyndir.masterpassword';

/** Templates by type of password; each letter stands for a class of characters. */
const templates = new Map<ByteString, readonly string[]>([
  ['maximum', ['anoxxxxxxxxxxxxxxxxx', 'axxxxxxxxxxxxxxxxxno']],
  [
    'long',
    (
      'CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv ' +
      'CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv ' +
      'CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno'
    ).split(' '),
  ],
  ['medium', ['CvcnoCvc', 'CvcCvcno']],
  ['short', ['Cvcn']],
  ['basic', ['aaanaaan', 'aannaaan', 'aaannaaa']],
  ['pin', ['nnnn']],
]);

const consonants = 'BCDFGHJKLMNPQRSTVWXYZ';
const letters = `AEIOUaeiou${consonants}${consonants.toLowerCase()}`;

const classes: Readonly<Record<string, string>> = {
  V: 'AEIOU',
  C: consonants,
  v: 'aeiou',
  c: consonants.toLowerCase(),
  A: `AEIOU${consonants}`,
  a: letters,
  n: '0123456789',
  o: "@&%?,=[]_:-+*$#!'^~;()/.",
  x: `${letters}0123456789!@#$%^&*()`,
};

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function masterKey(context: CallContext, password: ByteString, user: ByteString): Buffer {
  const salt = Buffer.concat([Buffer.from(scope), uint32(user.length), toBytes(user)]).toString('hex');
  const task = { kind: 'scrypt', password: Buffer.from(toBytes(password)).toString('hex'), salt } as const;
  return Buffer.from(context.slowResult(task), 'hex');
}

export function derivePassword(
  context: CallContext,
  counter: bigint,
  type: ByteString,
  password: ByteString,
  user: ByteString,
  site: ByteString,
): ByteString {
  const choices = templates.get(type);
  if (choices === undefined) return `cannot find password template ${type}`;
  const key = masterKey(context, password, user);
  const message = [Buffer.from(scope), uint32(site.length), toBytes(site), uint32(Number(counter))];
  const seed = createHmac('sha256', key).update(Buffer.concat(message)).digest();
  const template = choices[(seed[0] ?? 0) % choices.length] ?? '';
  const chars = Array.from(template, (letter, index) => {
    const characters = classes[letter] ?? '';
    return characters.charAt((seed[index + 1] ?? 0) % characters.length);
  });
  return fromBytes(Buffer.from(chars.join('')));
}
