import { createHash, createHmac } from 'node:crypto';
import { CelScalar, celFunc } from '@bufbuild/cel';
import type { CelFunc } from '@bufbuild/cel';

const { BYTES, STRING } = CelScalar;

/** Returns the functions of generators in addition to those of CEL. */
export function generatorFunctions(): readonly CelFunc[] {
  const sha256 = (data: string | Uint8Array): Uint8Array => createHash('sha256').update(data).digest();
  const hmac = (key: string | Uint8Array, data: string | Uint8Array): Uint8Array =>
    createHmac('sha256', key).update(data).digest();
  const texts = [STRING, BYTES] as const;
  return [
    ...texts.map((type) => celFunc('base64.encode', [type], STRING, (data) => Buffer.from(data).toString('base64'))),
    ...texts.map((type) => celFunc('sha256', [type], BYTES, sha256)),
    ...texts.flatMap((key) => texts.map((data) => celFunc('hmac.sha256', [key, data], BYTES, hmac))),
    celFunc('hex.encode', [BYTES], STRING, (data) => Buffer.from(data).toString('hex')),
  ];
}
