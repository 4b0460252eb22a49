import { spawnSync } from 'node:child_process';
import { leftOver, nameOf, versionsOf } from './apply.js';
import type { Release } from './release.js';
import { ReleaseNode } from './release-node.js';

/**
 * What of a release's interface whoever installs the next one has to look at: flags that are gone or have another default,
 * metrics that are gone, objects that nothing replaces, and kinds whose subresources differ.
 */
export async function interfaceChanges(from: Release, to: Release): Promise<string[]> {
  const [oldFlags, flags] = [flagDefaults(from), flagDefaults(to)];
  const changedFlags = [...oldFlags].filter(([flag, value]) => flags.get(flag) !== value).map(([flag]) => flag);
  const metrics = new Set(await metricNames(to));
  const lostMetrics = (await metricNames(from)).filter((name) => !metrics.has(name));
  const changed = [...changedFlags, ...lostMetrics, ...leftOver(from.everything, to.everything)];
  return [...changed, ...changedSubresources(from, to)].sort();
}

/** The default of each flag as `serve --help` tells it. */
function flagDefaults({ main }: Release): ReadonlyMap<string, string> {
  const { stdout } = spawnSync(process.execPath, [main, 'serve', '--help'], { encoding: 'utf8' });
  const lines = [...stdout.matchAll(/^ +(--[-a-z]+) (.*)$/gm)];
  if (lines.length === 0) throw new Error(`${main} lists no flag`);
  return new Map(lines.map(([, flag = '', text = '']) => [flag, /\(default ([^,)]*)/.exec(text)?.[1] ?? '']));
}

/** What a driver that has just started shows. */
async function metricNames(release: Release): Promise<string[]> {
  const node = await ReleaseNode.start();
  try {
    node.applyObjects(release);
    await node.roll(release);
    const { body } = await node.driver.http('/metrics');
    return [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  } finally {
    await node.stop();
  }
}

function changedSubresources(from: Release, to: Release): string[] {
  const text = (release: Release): Map<string, string> =>
    new Map(
      release.everything
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .flatMap((definition) =>
          versionsOf(definition).map(({ name, subresources }) => [
            `${nameOf(definition)} ${name}`,
            JSON.stringify(subresources ?? {}),
          ]),
        ),
    );
  const now = text(to);
  return [...text(from)].filter(([name, value]) => now.get(name) !== value).map(([name]) => name);
}
