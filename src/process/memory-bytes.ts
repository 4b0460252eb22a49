import { readFileSync } from 'node:fs';

/** Memory of this process in bytes: all of it (`VmRSS`), or what is no file (`RssAnon`); 0 where the kernel does not tell. */
export function memoryBytes(field: 'VmRSS' | 'RssAnon'): number {
  const [, kib = '0'] =
    new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) * 1024;
}
