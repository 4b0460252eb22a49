import { execFileSync } from 'node:child_process';
import { proofs } from './compatibility.js';
import type { Proof } from './compatibility.js';

const head = `# Compatibility

Programs that are proven to work with nothing but the files of a volume, against real servers behind TLS and passwords whose names only the proxy
can look up. Each row is a test of \`test/e2e/flow\`, with the built driver and the built proxy as processes; the versions are those of the machine that
this page was made on last (Debian 13; \`npm run compatibility\`). The ways are those of [the proxy](proxy.md#ways-in).
`;

/** The cells of the table but for the version, in order. */
export function rows(): readonly (readonly [program: string, files: string, way: string, does: string])[] {
  return Object.values(proofs).map(({ program, files, way, does }: Proof) => [program, files, way, does]);
}

/** docs/compatibility.md, with the versions of this machine's programs. */
export function compatibilityPage(): string {
  const lines = Object.values(proofs).map(({ program, version, files, way, does }: Proof) =>
    ['', program, versionIn(version), files, way, does, ''].join(' | ').trim(),
  );
  const columns = ['program', 'version', 'files used', 'way', 'what works'];
  const table = [`| ${columns.join(' | ')} |`, `| ${columns.map(() => '---').join(' | ')} |`, ...lines];
  return `${head}\n${table.join('\n')}\n`;
}

/** The first number with a dot that the command prints. */
function versionIn(command: string): string {
  const text = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? '';
}
