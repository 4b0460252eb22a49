import fs from 'node:fs';

/** Whether this process may give files to any group: in a user namespace with one mapped id it may not. */
export function hasManyIds(): boolean {
  const [, , count] = fs.readFileSync('/proc/self/gid_map', 'utf8').trim().split(/\s+/);
  return Number(count) > 65_536;
}
