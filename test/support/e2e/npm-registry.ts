import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';

/**
 * Returns what a registry with the package `thing` 1.2.3 serves, by method and path. Some clients ignore packages of the
 * last days, so it has a date.
 * @param folder to be made.
 * @param url of the registry.
 */
export function npmRegistry(folder: string, url: string): Readonly<Record<string, string | Buffer>> {
  mkdirSync(path.join(folder, 'package'), { recursive: true });
  writeFileSync(path.join(folder, 'package', 'package.json'), '{"name":"thing","version":"1.2.3"}');
  execFileSync('tar', ['-C', folder, '-czf', path.join(folder, 'thing.tgz'), 'package']);
  const tarball = readFileSync(path.join(folder, 'thing.tgz'));
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const dist = { tarball: `${url}/thing/-/thing-1.2.3.tgz`, integrity };
  const description = {
    name: 'thing',
    'dist-tags': { latest: '1.2.3' },
    time: { '1.2.3': '2020-01-01T00:00:00.000Z' },
    versions: { '1.2.3': { name: 'thing', version: '1.2.3', dist } },
  };
  return { 'GET /thing': JSON.stringify(description), 'GET /thing/-/thing-1.2.3.tgz': tarball };
}
