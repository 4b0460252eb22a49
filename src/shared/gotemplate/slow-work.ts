import bcryptjs from 'bcryptjs';
import { dsaPrivateKey, rsaPrivateKey } from './private-keys.ts';
import { scrypt } from './scrypt.ts';

/** A task that takes longer than anything else in a template, by design. Its result is text. */
export type SlowTask =
  /** A hash of bcrypt, about 70 ms; `salt` is all that stands before the hash. */
  | { readonly kind: 'bcrypt'; readonly password: string; readonly salt: string }
  /** The 64 bytes of a key, as the Master Password algorithm sets scrypt: about a second. All three in hex. */
  | { readonly kind: 'scrypt'; readonly password: string; readonly salt: string }
  /** A new private key as PEM: a second or several. */
  | { readonly kind: 'rsaKey' | 'dsaKey' };

const masterPasswordCost = { blocks: 32768, blockSize: 8, parallelism: 2, keyBytes: 64 } as const;

/** Does the work, in this thread. */
export function runSlowTask(task: SlowTask): string {
  switch (task.kind) {
    case 'bcrypt':
      return bcryptjs.hashSync(task.password, task.salt);
    case 'scrypt':
      return scrypt(Buffer.from(task.password, 'hex'), Buffer.from(task.salt, 'hex'), masterPasswordCost).toString(
        'hex',
      );
    case 'rsaKey':
      return rsaPrivateKey();
    case 'dsaKey':
      return dsaPrivateKey();
  }
}
