import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
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

/** The words of `mvn validate` for the project that it writes to the folder. */
export function mavenCommand(folder: string, args: readonly string[] = []): readonly string[] {
  const own = path.join(folder, 'maven');
  if (!existsSync(own)) makeHome(own);
  writeFileSync(path.join(folder, 'pom.xml'), project);
  return [
    path.join(own, 'bin', 'mvn'),
    '--batch-mode',
    ...args,
    `-Dmaven.repo.local=${path.join(folder, 'm2')}`,
    // A failed download is remembered, and the tests share the folder.
    '--update-snapshots',
    'validate',
  ];
}

/** Makes Debian's Maven what the project's own archive is, with the library for a login at a proxy, which Debian leaves out. */
function makeHome(own: string): void {
  mkdirSync(path.join(own, 'lib'), { recursive: true });
  cpSync(path.join(home, 'bin'), path.join(own, 'bin'), { recursive: true, dereference: true });
  for (const name of ['boot', 'conf', ...readdirSync(path.join(home, 'lib')).map((jar) => `lib/${jar}`)]) {
    symlinkSync(path.join(home, name), path.join(own, name));
  }
  symlinkSync('/usr/share/java/commons-codec.jar', path.join(own, 'lib', 'commons-codec.jar'));
}
