import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Run } from './programs.ts';
import type { RenderedClasses } from './rendered-classes.ts';

const home = '/usr/share/maven';

/** Its parent is in no repository, so Maven asks where it would ask for anything, and ends there. */
const project = `<project>
  <modelVersion>4.0.0</modelVersion>
  <parent><groupId>com.example</groupId><artifactId>parent</artifactId><version>1</version></parent>
  <artifactId>app</artifactId>
</project>`;

/** Runs `mvn --settings FILE validate`. */
export function runMaven(rendered: RenderedClasses, settings: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const [program = '', ...args] = mavenCommand(rendered.folder, ['--settings', settings]);
  return rendered.run(program, args, env);
}

/**
 * The words of `mvn validate` for the project that it writes to the folder. Debian's `mvn` leaves out a library that it
 * needs to log in at a proxy, so Java is started as that script would, with the library added.
 */
export function mavenCommand(folder: string, args: readonly string[]): readonly string[] {
  const launcher = path.join(folder, 'm2.conf');
  const original = readFileSync(path.join(home, 'bin', 'm2.conf'), 'utf8');
  writeFileSync(launcher, `${original}\nload /usr/share/java/commons-codec.jar\n`);
  writeFileSync(path.join(folder, 'pom.xml'), project);
  return [
    'java',
    '-classpath',
    path.join(home, 'boot', '*'),
    `-Dclassworlds.conf=${launcher}`,
    `-Dmaven.home=${home}`,
    `-Dmaven.multiModuleProjectDirectory=${folder}`,
    'org.codehaus.plexus.classworlds.launcher.Launcher',
    '--batch-mode',
    ...args,
    `-Dmaven.repo.local=${path.join(folder, 'm2')}`,
    // A failed download is remembered, and the tests share the folder.
    '--update-snapshots',
    'validate',
  ];
}
