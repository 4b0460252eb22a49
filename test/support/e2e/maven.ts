import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Run } from './programs.js';
import type { RenderedClasses } from './rendered-classes.js';

const home = '/usr/share/maven';

/** Its parent is in no repository, so Maven asks where it would ask for anything, and ends there. */
const project = `<project>
  <modelVersion>4.0.0</modelVersion>
  <parent><groupId>com.example</groupId><artifactId>parent</artifactId><version>1</version></parent>
  <artifactId>app</artifactId>
</project>`;

/**
 * What `mvn --settings FILE validate` does. Debian's `mvn` leaves out a library that it needs to log in at a proxy, so Java
 * is started as that script would, with the library added.
 */
export function runMaven(rendered: RenderedClasses, settings: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const launcher = path.join(rendered.folder, 'm2.conf');
  const original = readFileSync(path.join(home, 'bin', 'm2.conf'), 'utf8');
  writeFileSync(launcher, `${original}\nload /usr/share/java/commons-codec.jar\n`);
  writeFileSync(path.join(rendered.folder, 'pom.xml'), project);
  return rendered.run(
    'java',
    [
      '-classpath',
      path.join(home, 'boot', '*'),
      `-Dclassworlds.conf=${launcher}`,
      `-Dmaven.home=${home}`,
      `-Dmaven.multiModuleProjectDirectory=${rendered.folder}`,
      'org.codehaus.plexus.classworlds.launcher.Launcher',
      '--batch-mode',
      '--settings',
      settings,
      `-Dmaven.repo.local=${path.join(rendered.folder, 'm2')}`,
      // A failed download is remembered, and the tests share the folder.
      '--update-snapshots',
      'validate',
    ],
    env,
  );
}
