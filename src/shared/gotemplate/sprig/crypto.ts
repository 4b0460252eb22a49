import { createHash } from 'node:crypto';
import bcryptjs from 'bcryptjs';
import { fromGoString, toBytes, type ByteString } from '../byte-string.ts';
import { goFunction, type CallContext, type GoFunction } from '../function.ts';
import { decryptAes, encryptAes } from './ciphers.ts';
import { derivePassword } from './derive-password.ts';

/** Bytes of a password that bcrypt uses; Go rejects longer passwords. */
const maxPasswordBytes = 72;

/** The cost that Go's hashes have, and that shows in them. */
const bcryptCost = '10';

function bcrypt(context: CallContext, password: ByteString): ByteString {
  if (password.length > maxPasswordBytes) {
    return 'failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes';
  }
  const salt = `$2a$${bcryptCost}$${bcryptjs.encodeBase64(context.randomBytes(16), 16)}`;
  return context.slowResult({ kind: 'bcrypt', password: fromGoString(password), salt });
}

function htpasswd(context: CallContext, user: ByteString, password: ByteString): ByteString {
  return user.includes(':') ? `invalid username: ${user}` : `${user}:${bcrypt(context, password)}`;
}

/** The checksum of zlib. The sums fit 32 bits for 5552 bytes between two reductions. */
function adler32(text: ByteString): number {
  let a = 1;
  let b = 0;
  for (let start = 0; start < text.length; start += 5552) {
    const end = Math.min(start + 5552, text.length);
    for (let at = start; at < end; at++) {
      a += text.charCodeAt(at);
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
}

/** A new private key as PEM. */
function privateKey(context: CallContext, type: ByteString): ByteString {
  switch (type) {
    case '':
    case 'rsa':
      return context.slowResult({ kind: 'rsaKey' });
    case 'dsa':
      return context.slowResult({ kind: 'dsaKey' });
    case 'ecdsa':
    case 'ed25519':
      return context.privateKey(type);
    default:
      return `Unknown type ${type}`;
  }
}

function hash(algorithm: 'sha1' | 'sha256') {
  return (context: CallContext, text: ByteString): ByteString => {
    context.charge(text.length / 16);
    return createHash(algorithm).update(toBytes(text)).digest('hex');
  };
}

export const cryptoFunctions: readonly GoFunction[] = [
  goFunction({ name: 'sha1sum', params: ['string'] }, hash('sha1')),
  goFunction({ name: 'sha256sum', params: ['string'] }, hash('sha256')),
  goFunction({ name: 'adler32sum', params: ['string'] }, (context, text) => {
    context.charge(text.length / 16);
    return adler32(text).toString();
  }),
  goFunction({ name: 'bcrypt', params: ['string'] }, bcrypt),
  goFunction({ name: 'htpasswd', params: ['string', 'string'] }, htpasswd),
  goFunction({ name: 'genPrivateKey', params: ['string'] }, privateKey),
  goFunction({ name: 'derivePassword', params: ['uint32', 'string', 'string', 'string', 'string'] }, derivePassword),
  goFunction({ name: 'encryptAES', params: ['string', 'string'] }, encryptAes),
  goFunction({ name: 'decryptAES', params: ['string', 'string'] }, decryptAes),
];
