import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** Names by address. */
export type HostTable = Readonly<Record<string, readonly string[]>>;

/** A loopback address that no other process uses, for servers at ports that their clients cannot choose. */
export const ownAddress = `127.${64 + ((process.pid >> 16) & 63)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

/** Another one, for a second server at the same port. */
export const otherAddress = `127.${128 + ((process.pid >> 16) & 63)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

/** Puts the file named first in the place of the second, in a mount namespace and there alone; then becomes the program. */
const withFile = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';

/**
 * Writes a table of host names.
 * @param propagation of the mounts that the program sees; `unchanged` where it has to find shared ones.
 * @returns the words that run a program for which it is the only one.
 */
export function hostNames(
  file: string,
  table: HostTable,
  propagation: 'private' | 'unchanged' = 'private',
): readonly string[] {
  const lines = Object.entries(table).map(([address, names]) => `${address} ${names.join(' ')}\n`);
  writeFileSync(file, lines.join(''));
  return ['unshare', '--mount', '--propagation', propagation, '--', ...inPlaceOf('/etc/hosts', file)];
}

/** The words that run a program, after those of `hostNames`, which asks this name server for all other names, and for long. */
export function namesOf(nameServer: string, file: string): readonly string[] {
  writeFileSync(file, `nameserver ${nameServer}\noptions timeout:30 attempts:1\n`);
  return inPlaceOf('/etc/resolv.conf', file);
}

function inPlaceOf(place: string, file: string): readonly string[] {
  return ['sh', '-c', withFile, 'sh', file, place];
}

/** Skips the suite where nobody but root may listen on the ports that everybody knows. */
export async function needsKnownPorts(this: Mocha.Context): Promise<void> {
  const server = createServer();
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve).listen(80, ownAddress, () => resolve(undefined));
  });
  if (failure === undefined) {
    await new Promise((resolve) => server.close(resolve));
    return;
  }
  if (failure.code !== 'EACCES') throw failure;
  console.log('      skipped: only root listens on port 80, that of the Service');
  this.skip();
}
